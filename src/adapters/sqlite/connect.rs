//! Opening the file: lock, check, schema, connections.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::RwLock;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;

use super::durability;
use super::error::{corrupt, unavailable};
use super::lock::{self, LastStop, Lock};
use super::migrate;
use super::rows::Filters;
use super::write::Writer;

use crate::domain::time::Timestamp;
use crate::ports::clock::Clock;
use crate::ports::store::StoreError;

/// How long a statement waits for another process's short write.
const BUSY: Duration = Duration::from_secs(10);
/// Connections that read; they never keep the writer waiting.
const READERS: u32 = 4;

const CHECK: &str = "PRAGMA quick_check(1)";

/// Where the store is and what time it is.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// `sqlite://path`, relative to the working directory or absolute.
    pub url: String,
    /// Every "now" of the store.
    pub clock: Arc<dyn Clock>,
}

/// The store on SQLite. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) writer: Mutex<Writer>,
    pub(super) readers: SqlitePool,
    pub(super) clock: Arc<dyn Clock>,
    /// Which events each agency wants, by its number.
    pub(super) filters: RwLock<Filters>,
    /// Jobs can be found by their persons.
    pub(super) history: AtomicBool,
    /// The write-ahead log may still hold what was erased.
    pub(super) log_to_truncate: AtomicBool,
    /// Held as long as the store is open; `None` for short administrative writes.
    _lock: Option<Lock>,
}

impl SqliteStore {
    /// Opens the database as the only process that works with it; creates it and brings it to the
    /// current schema. After an unclean stop the file is checked first.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it, [`StoreError::Corrupt`] when the check
    /// fails, [`StoreError::Schema`] when a newer program wrote it, else
    /// [`StoreError::Unavailable`].
    pub async fn open(settings: SqliteSettings) -> Result<Self, StoreError> {
        let (options, path) = options(&settings.url)?;
        let (lock, last) = lock::take(&path)?;
        create(&path)?;
        let mut writer = options.connect().await.map_err(unavailable)?;
        if last == LastStop::Unclean {
            tracing::warn!("the database was not closed well last time; checking it");
            check(&mut writer, &path).await?;
        }
        durability::check(&mut writer).await?;
        migrate::migrate(&mut writer).await?;
        Ok(Self::on(writer, &options, settings.clock, Some(lock)))
    }

    /// Opens the database for a short administrative write beside a running process, without
    /// holding the lock. Creates it when nobody has yet.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when it is not at the current schema and in use by another process,
    /// else as [`Self::open`].
    pub async fn open_shared(settings: SqliteSettings) -> Result<Self, StoreError> {
        let (options, path) = options(&settings.url)?;
        create(&path)?;
        let mut writer = options.connect().await.map_err(unavailable)?;
        let found = migrate::version(&mut writer).await?;
        if found != migrate::NEEDED {
            let (_held, _last) = lock::take(&path).map_err(|locked| match locked {
                StoreError::Locked(_) => StoreError::Schema {
                    found,
                    needed: migrate::NEEDED,
                },
                other @ (StoreError::Unavailable(_)
                | StoreError::Corrupt { .. }
                | StoreError::Schema { .. }) => other,
            })?;
            migrate::migrate(&mut writer).await?;
        }
        Ok(Self::on(writer, &options, settings.clock, None))
    }

    fn on(
        writer: SqliteConnection,
        options: &SqliteConnectOptions,
        clock: Arc<dyn Clock>,
        lock: Option<Lock>,
    ) -> Self {
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .acquire_timeout(BUSY)
            .test_before_acquire(false)
            .connect_lazy_with(
                options
                    .clone()
                    .pragma("query_only", "ON")
                    .pragma("cache_size", "-16384"),
            );
        Self {
            inner: Arc::new(Inner {
                writer: Mutex::new(Writer::new(writer)),
                readers,
                clock,
                filters: RwLock::new(Filters::default()),
                history: AtomicBool::new(false),
                // What a killed process erased may still stand in the log it left behind.
                log_to_truncate: AtomicBool::new(lock.is_some()),
                _lock: lock,
            }),
        }
    }

    /// Closes the connections; the store answers nothing after it. Dropping the last clone does
    /// the same without waiting.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.lock().await.close().await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }
}

fn options(url: &str) -> Result<(SqliteConnectOptions, PathBuf), StoreError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(unavailable(
            "a database in memory loses accepted work; write sqlite://FILE in [database] url",
        ));
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|source| {
            unavailable(format!(
                "[database] url is not sqlite://FILE as it must be: {source}"
            ))
        })?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose committed transactions when the power fails.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("secure_delete", "ON")
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    let path = options.get_filename().to_owned();
    Ok((options, path))
}

/// Creates the file readable by its owner alone; SQLite gives its companions the same rights.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unavailable(format!(
            "the database {} cannot be created: {error}; does its folder exist, and may this user write there?",
            path.display()
        ))),
    }
}

async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let answer: String = sqlx::query_scalar(CHECK)
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    if answer == "ok" {
        Ok(())
    } else {
        Err(corrupt("the database", path.display(), answer))
    }
}

impl Writer {
    async fn close(&mut self) {
        if let Some(connection) = self.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed well");
        }
    }
}
