//! The suite on PostgreSQL: each case in a database of its own, on a clock that can be moved.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use budstikke::adapters::postgres::{PostgresSettings, PostgresStore, migrate};
use budstikke::domain::time::{Timestamp, micros};
use budstikke::ports::store::Store;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::world::{Backend, World};

/// A clock in a schema that is searched before the system's own: it runs, and can be put ahead.
const CLOCK: &str = "CREATE SCHEMA moved;
    CREATE TABLE moved.ahead (micros BIGINT NOT NULL);
    INSERT INTO moved.ahead VALUES (0);
    CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS
        'SELECT pg_catalog.clock_timestamp() + micros * interval ''1 microsecond'' FROM moved.ahead'";
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const PASS: &str = "UPDATE moved.ahead SET micros = micros + $1";

/// A database that goes when it is dropped.
pub struct Database {
    server: String,
    name: String,
    pub url: String,
}

impl Database {
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("TEST_POSTGRES_URL").expect(
            "TEST_POSTGRES_URL must hold the URL of a PostgreSQL whose user may create databases, \
             for example postgres://postgres@127.0.0.1:5432/postgres",
        );
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("budstikke_test_{}_{count}", std::process::id());
        let (head, query) = server.split_once('?').unwrap_or((&server, ""));
        let (head, _) = head.rsplit_once('/').unwrap();
        let url = format!("{head}/{name}?{query}");
        let database = Self { server, name, url };
        database.drop_it().await;
        let mut connection = PgConnection::connect(&database.server).await.unwrap();
        let create = format!("CREATE DATABASE {} TEMPLATE template0", database.name);
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        let path = format!(
            "ALTER DATABASE {} SET search_path = public, moved, pg_catalog",
            database.name
        );
        connection.execute(AssertSqlSafe(path)).await.unwrap();
        connection.close().await.unwrap();
        database
    }

    /// Runs a statement.
    pub async fn execute(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn drop_it(&self) {
        let mut connection = PgConnection::connect(&self.server).await.unwrap();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        connection.execute(AssertSqlSafe(drop)).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(self.drop_it());
            });
        });
    }
}

struct Postgres {
    store: Arc<PostgresStore>,
    database: Database,
}

impl Postgres {
    async fn start() -> Self {
        let database = Database::create().await;
        let applied = migrate(&database.url).await.unwrap();
        assert_eq!(applied, ["0001_foundation"]);
        database.execute(CLOCK).await;
        let settings = PostgresSettings::new(&database.url);
        Self {
            store: Arc::new(PostgresStore::connect(settings).await.unwrap()),
            database,
        }
    }

    async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.database.url).await.unwrap()
    }
}

#[async_trait]
impl Backend for Postgres {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn now(&self) -> Timestamp {
        Timestamp(self.count(NOW).await)
    }

    async fn pass(&self, duration: Duration) {
        let mut connection = self.connection().await;
        let pass = sqlx::query(PASS).bind(micros(duration));
        pass.execute(&mut connection).await.unwrap();
    }

    async fn execute(&self, sql: &'static str) -> Result<(), String> {
        let done = self.connection().await.execute(sql).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = self.connection().await;
        let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        count.unwrap()
    }

    /// PostgreSQL frees what was erased when autovacuum has passed.
    async fn bytes_on_disk(&self) -> Option<Vec<u8>> {
        None
    }
}

pub async fn world() -> World {
    World::on(Box::new(Postgres::start().await)).await
}

macro_rules! on_postgres {
    ($module:ident: $($case:ident,)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                #[ignore = "needs TEST_POSTGRES_URL"]
                async fn $case() {
                    crate::$module::$case(super::world().await).await;
                }
            )+
        }
    };
}
every_case!(on_postgres);
