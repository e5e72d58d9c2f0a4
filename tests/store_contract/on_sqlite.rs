//! Every case on SQLite, with a clock that only cases move.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use budstikke::adapters::sqlite::{SqliteSettings, SqliteStore};
use budstikke::domain::time::{Timestamp, micros};
use budstikke::ports::clock::{Clock, Monotonic};
use budstikke::ports::store::Store;
use sqlx::{Connection, SqliteConnection};

use super::world::{Backend, World};

/// 2030-01-01T00:00:00Z.
const START: i64 = 1_893_456_000_000_000;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct StillClock(AtomicI64);

impl StillClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START)))
    }

    pub fn pass(&self, duration: Duration) {
        self.0.fetch_add(micros(duration), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(u64::try_from(self.now().0).unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
    }
}

struct Sqlite {
    store: SqliteStore,
    clock: Arc<StillClock>,
    folder: tempfile::TempDir,
}

impl Sqlite {
    fn file(&self) -> PathBuf {
        self.folder.path().join("budstikke.db")
    }

    async fn connection(&self) -> SqliteConnection {
        let url = format!("sqlite://{}", self.file().display());
        SqliteConnection::connect(&url).await.unwrap()
    }
}

#[async_trait]
impl Backend for Sqlite {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pass(&self, duration: Duration) {
        self.clock.pass(duration);
    }

    async fn execute(&self, sql: &'static str) -> Result<(), String> {
        let done = sqlx::query(sql).execute(&mut self.connection().await).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let count = sqlx::query_scalar(sql);
        count.fetch_one(&mut self.connection().await).await.unwrap()
    }

    async fn bytes_on_disk(&self) -> Option<Vec<u8>> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.unwrap().path());
        Some(files.flat_map(|entry| read(entry).unwrap()).collect())
    }
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = StillClock::new();
    let store = SqliteStore::open(SqliteSettings {
        url: format!("sqlite://{}", folder.path().join("budstikke.db").display()),
        clock: clock.clone(),
    });
    let store = store.await.unwrap();
    World::on(Box::new(Sqlite {
        store,
        clock,
        folder,
    }))
    .await
}

macro_rules! run {
    ($module:ident: $($case:ident,)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(super::world().await).await;
                }
            )+
        }
    };
}

every_case!(run);
