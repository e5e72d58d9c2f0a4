//! Bringing the schema up to date.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr};

use super::connect::{alone, applied};
use super::error::{classify, unavailable};
use crate::ports::store::StoreError;

/// The version that this program needs.
pub(super) const NEWEST: i64 = 1;

/// Version, name, text.
const MIGRATIONS: &[(i64, &str, &str)] = &[(
    1,
    "0001_foundation",
    include_str!("../../../migrations/postgres/0001_foundation.sql"),
)];

/// Applies what is missing, each migration in a transaction of its own, one process at a time, and
/// returns the names of what it applied. It needs a direct connection: a transaction-pooling proxy
/// would lose the lock.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached or refuses a migration,
/// [`StoreError::Schema`] when what was applied there is not what this program knows under that
/// version.
pub async fn migrate(url: &str) -> Result<Vec<String>, StoreError> {
    let mut connection = alone(url).await?;
    let migrator = Migrator::with_migrations(
        MIGRATIONS
            .iter()
            .map(|(version, name, text)| {
                Migration::new(
                    *version,
                    (*name).into(),
                    MigrationType::Simple,
                    text.into_sql_str(),
                    false,
                )
            })
            .collect(),
    );
    let done = run(&mut connection, &migrator).await;
    let closed = connection.close().await;
    let names = done?;
    closed.map_err(classify)?;
    Ok(names)
}

async fn run(
    connection: &mut PgConnection,
    migrator: &Migrator,
) -> Result<Vec<String>, StoreError> {
    // Held until the connection closes, so that "before" and "after" are not somebody else's.
    connection.lock().await.map_err(refused)?;
    let before = applied(connection).await?;
    match migrator.run_direct(None, connection, false).await {
        Ok(()) => Ok(MIGRATIONS
            .iter()
            .filter(|(version, _, _)| *version > before)
            .map(|(_, name, _)| (*name).to_owned())
            .collect()),
        // A newer program was here: its migrations stay, and we apply nothing.
        Err(MigrateError::VersionMissing(_)) if before > NEWEST => Ok(Vec::new()),
        Err(
            MigrateError::VersionMissing(found)
            | MigrateError::VersionMismatch(found)
            | MigrateError::Dirty(found),
        ) => Err(StoreError::Schema {
            found,
            needed: NEWEST,
        }),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: MigrateError) -> StoreError {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return classify(error);
    }
    unavailable(error)
}
