//! The schema, step by step; the numbers and names are the same as PostgreSQL's.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqliteConnection};

use super::error::unavailable;
use crate::ports::store::StoreError;

/// The version that this program needs.
pub(super) const NEEDED: i64 = 1;

const FOUNDATION: &str = include_str!("../../../migrations/sqlite/0001_foundation.sql");

const TABLES: &str =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
const VERSION: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";

fn migrator() -> Migrator {
    Migrator::with_migrations(vec![Migration::new(
        NEEDED,
        "foundation".into(),
        MigrationType::Simple,
        FOUNDATION.into_sql_str(),
        false,
    )])
}

/// Brings the database to [`NEEDED`]; a newer one is refused.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found = version(connection).await?;
    if found > NEEDED {
        return Err(StoreError::Schema {
            found,
            needed: NEEDED,
        });
    }
    migrator().run(connection).await.map_err(unavailable)
}

/// Which version the database has; 0: none.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let tables: i64 = sqlx::query_scalar(TABLES)
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
    if tables == 0 {
        return Ok(0);
    }
    sqlx::query_scalar(VERSION)
        .fetch_one(connection)
        .await
        .map_err(unavailable)
}
