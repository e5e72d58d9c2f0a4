//! What is asked of PostgreSQL: a fresh database for each run, how far the events are, and what
//! they cost in statements and commits.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::rig::Rig;

/// The database of the runs.
const NAME: &str = "bench";

/// A connection to the runs' database, as a role of its own, so that what it asks is not counted.
#[derive(Debug)]
pub(crate) struct Database {
    connection: PgConnection,
    /// The worker's URL.
    pub(crate) url: String,
}

/// Counts of one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// Statements; `None` without `pg_stat_statements`.
    pub(crate) statements: Option<i64>,
    /// Transactions committed.
    pub(crate) commits: i64,
}

impl Database {
    /// Drops the last run's database and makes a new one with the schema.
    pub(crate) async fn fresh(rig: &Rig) -> anyhow::Result<Self> {
        Self::named(rig, NAME).await
    }

    /// The same with a name of its own.
    pub(crate) async fn named(rig: &Rig, name: &str) -> anyhow::Result<Self> {
        drop_database(rig, name).await?;
        at_server(rig, format!("CREATE DATABASE {name}")).await?;
        let (base, _) = rig
            .postgres
            .rsplit_once('/')
            .ok_or_else(|| anyhow!("TEST_POSTGRES_URL names no database"))?;
        let url = format!("{base}/{name}");
        budstikke::adapters::postgres::migrate(&url)
            .await
            .context("the schema")?;
        Self::open(url).await
    }

    /// Drops it.
    pub(crate) async fn remove(self, rig: &Rig) -> anyhow::Result<()> {
        let (_, name) = self.url.rsplit_once('/').unwrap_or_default();
        drop_database(rig, name).await
    }

    async fn open(url: String) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(&url).await?;
        connection
            .execute(
                "DO $$ BEGIN CREATE ROLE bench_probe SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            )
            .await?;
        connection.execute("SET ROLE bench_probe").await?;
        // Only where the server was started with it.
        let preloaded: String = sqlx::query_scalar("SHOW shared_preload_libraries")
            .fetch_one(&mut connection)
            .await?;
        if preloaded.contains("pg_stat_statements") {
            connection
                .execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                .await?;
        }
        Ok(Self { connection, url })
    }

    /// Runs what prepares a run.
    pub(crate) async fn execute(&mut self, statement: String) -> anyhow::Result<()> {
        self.connection.execute(AssertSqlSafe(statement)).await?;
        Ok(())
    }

    /// Starts from a quiet database: everything on disk, statistics fresh.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        self.execute("VACUUM ANALYZE".to_owned()).await?;
        self.execute("CHECKPOINT".to_owned()).await
    }

    async fn number(&mut self, statement: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(statement)
            .fetch_one(&mut self.connection)
            .await?)
    }

    /// How many events the broker has confirmed.
    pub(crate) async fn published(&mut self) -> anyhow::Result<i64> {
        self.number("SELECT COALESCE(SUM(published), 0)::BIGINT FROM publication")
            .await
    }

    /// How many jobs are stored.
    pub(crate) async fn jobs(&mut self) -> anyhow::Result<i64> {
        self.number("SELECT COUNT(*) FROM job").await
    }

    /// What the database has done; our own asking taken off.
    pub(crate) async fn counts(&mut self) -> anyhow::Result<Counts> {
        // Sessions report at most once a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        // Only what writes gets a number; reading commits nothing.
        let commits = self
            .number("SELECT txid_snapshot_xmax(txid_current_snapshot())")
            .await?;
        let has_statements = self
            .number("SELECT COUNT(*) FROM pg_extension WHERE extname = 'pg_stat_statements'")
            .await?;
        let statements = if has_statements > 0 {
            let count = self
                .number(
                    "SELECT COALESCE(SUM(calls), 0)::BIGINT FROM pg_stat_statements s \
                     JOIN pg_database d ON d.oid = s.dbid \
                     WHERE d.datname = current_database() AND s.userid <> 'bench_probe'::regrole \
                       AND s.query !~* '^(begin|commit|rollback|set|show|discard|deallocate)'",
                )
                .await?;
            Some(count)
        } else {
            None
        };
        Ok(Counts {
            statements,
            commits,
        })
    }

    /// What was asked most, and what took longest: calls, milliseconds, rows, text.
    pub(crate) async fn top(&mut self) -> anyhow::Result<String> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT format('%8s calls %8s ms %9s rows  %s', calls, round(total_exec_time), rows, \
                    left(regexp_replace(query, '\\s+', ' ', 'g'), 110)) \
             FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
             WHERE d.datname = current_database() AND s.userid <> 'bench_probe'::regrole \
             ORDER BY calls DESC LIMIT 40",
        )
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.join("\n"))
    }

    /// The server's version.
    pub(crate) async fn version(rig: &Rig) -> anyhow::Result<String> {
        let mut server = PgConnection::connect(&rig.postgres).await?;
        Ok(sqlx::query_scalar("SHOW server_version")
            .fetch_one(&mut server)
            .await?)
    }
}

async fn drop_database(rig: &Rig, name: &str) -> anyhow::Result<()> {
    at_server(rig, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

async fn at_server(rig: &Rig, statement: String) -> anyhow::Result<()> {
    let mut server = PgConnection::connect(&rig.postgres).await?;
    server.execute(AssertSqlSafe(statement)).await?;
    Ok(server.close().await?)
}
