//! Connecting: the pool, the session's settings, the check of the schema.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection, Row};
use tokio::time::Instant;

use super::durability;
use super::error::{classify, is_missing_table, unavailable};
use super::events::Filters;
use super::ledger::Marks;
use super::migrate::NEWEST;
use crate::domain::readings::Readings;
use crate::ports::store::StoreError;

/// How to reach the database and how much of it to use.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database?sslmode=verify-full`.
    pub url: String,
    /// Connections at most; two or three times the database's cores serve well. 1 and up.
    pub max_connections: u32,
    /// How long to wait for a free connection.
    pub acquire_timeout: Duration,
    /// How long the server lets one statement take.
    pub statement_timeout: Duration,
    /// How long one method may take beyond `statement_timeout`, waiting for a connection aside,
    /// before the connection is given up for dead.
    pub answer_timeout: Duration,
}

impl PostgresSettings {
    /// The usual settings for `url`: 16 connections, 5 s to get one, 30 s a statement.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
        }
    }
}

/// Without the URL, which holds a password.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .finish_non_exhaustive()
    }
}

/// The store on PostgreSQL.
pub struct PostgresStore {
    pub(super) pool: PgPool,
    pub(super) answer_timeout: Duration,
    pub(super) filters: RwLock<Arc<Filters>>,
    /// Jobs can be found by their persons.
    pub(super) history: AtomicBool,
    pub(super) readings: Mutex<Readings>,
    pub(super) marks: Marks,
    /// Our own times in it are counted from here.
    pub(super) began: Instant,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("connections", &self.pool.size())
            .finish_non_exhaustive()
    }
}

/// What every session of ours is set to.
///
/// The statements are few, known, and meant to run as nested loops over indexes from ids that we
/// bring. A fresh database has no statistics yet, and a plan made then would be kept while the
/// tables grow a thousandfold; so the other kinds of plan are discouraged instead. For the same reason
/// statements on the way of a job ask for what belongs to a row by `(SELECT TRUE … LIMIT 1)` and not
/// by `EXISTS`, of which such a plan makes a hash of the whole table, and join what a parameter
/// limits by `= ANY (ARRAY(…))`.
const SESSION: &[(&str, &str)] = &[
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url)
        .map_err(classify)?
        .application_name("budstikke")
        .statement_cache_capacity(200))
}

/// How a session of the pool begins.
pub(super) fn session(settings: &PostgresSettings) -> Result<PgConnectOptions, StoreError> {
    let limit = format!("{}ms", settings.statement_timeout.as_millis());
    Ok(options(&settings.url)?
        .options(SESSION.iter().copied())
        .options([("statement_timeout", limit.as_str())]))
}

impl PostgresStore {
    /// Connects, warns of a server that may lose what it committed, and checks the schema. TLS is as `sslmode` in the URL says, with the system's roots.
    ///
    /// The pool does not test a connection when it lends it out: sqlx does so when it comes back.
    /// That is enough because every transaction runs in a task of its own which no caller can
    /// drop half-way (see `pool.rs`), and a connection that the server closed meanwhile
    /// fails with [`StoreError::Unavailable`] once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached, [`StoreError::Schema`]
    /// when it is empty or older than this program.
    pub async fn connect(settings: PostgresSettings) -> Result<Self, StoreError> {
        let options = session(&settings)?;
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections.max(1))
            .min_connections(1)
            .acquire_timeout(settings.acquire_timeout)
            .max_lifetime(Duration::from_secs(30 * 60))
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(classify)?;
        let mut connection = pool.acquire().await.map_err(classify)?;
        for weakness in durability::weaknesses(&mut connection).await? {
            tracing::warn!("{weakness}");
        }
        let found = applied(&mut connection).await?;
        drop(connection);
        if found < NEWEST {
            return Err(StoreError::Schema {
                found,
                needed: NEWEST,
            });
        }
        Ok(Self {
            pool,
            answer_timeout: settings.statement_timeout + settings.answer_timeout,
            filters: RwLock::new(Arc::default()),
            history: AtomicBool::new(false),
            readings: Mutex::default(),
            marks: Marks::default(),
            began: Instant::now(),
        })
    }

    /// Closes the connections that are idle and, as they come back, the others.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

const APPLIED: &str = "SELECT COALESCE(max(version), 0) FROM _sqlx_migrations WHERE success";

/// The version of the schema; 0: none.
pub(super) async fn applied(connection: &mut PgConnection) -> Result<i64, StoreError> {
    match sqlx::query(APPLIED).fetch_one(connection).await {
        Ok(row) => row.try_get(0).map_err(classify),
        Err(error) if is_missing_table(&error) => Ok(0),
        Err(error) => Err(classify(error)),
    }
}

/// A connection outside the pool.
pub(super) async fn alone(url: &str) -> Result<PgConnection, StoreError> {
    PgConnection::connect_with(&options(url)?)
        .await
        .map_err(unavailable)
}
