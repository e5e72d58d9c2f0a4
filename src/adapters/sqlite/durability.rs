//! Whether what is committed stays.

use sqlx::{Row, SqliteConnection};

use super::error::unavailable;
use crate::ports::store::StoreError;

/// The settings on which the promises rest, and what they must be: a write-ahead log, synced at every
/// commit (2 is FULL), rows that belong together, and erased text that is gone.
const DEMANDED: [(&str, &str, &str); 4] = [
    ("journal_mode", "PRAGMA journal_mode", "wal"),
    ("synchronous", "PRAGMA synchronous", "2"),
    ("foreign_keys", "PRAGMA foreign_keys", "1"),
    ("secure_delete", "PRAGMA secure_delete", "1"),
];

/// Looks whether the connection that writes has what it asked for: SQLite keeps silent when it cannot
/// do so, for example about the log on a network disk.
///
/// # Errors
/// [`StoreError::Unavailable`] names the setting.
pub(super) async fn check(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    for (name, ask, demanded) in DEMANDED {
        let found = value(writer, ask).await?;
        if found != demanded {
            return Err(unavailable(format!(
                "SQLite has {name} = {found} where {demanded} was asked for; without it accepted work \
                 could be lost. The database must lie on a local disk that this user may write to"
            )));
        }
    }
    Ok(())
}

async fn value(connection: &mut SqliteConnection, ask: &'static str) -> Result<String, StoreError> {
    let row = sqlx::query(ask)
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    // Some settings are numbers, some are words.
    match row.try_get::<i64, _>(0) {
        Ok(number) => Ok(number.to_string()),
        Err(_word) => row.try_get(0).map_err(unavailable),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sqlx::{Connection, SqliteConnection};

    use super::*;
    use crate::adapters::clock::SystemClock;
    use crate::adapters::sqlite::{SqliteSettings, SqliteStore};

    #[tokio::test]
    async fn every_connection_of_the_store_keeps_what_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("b.db").display());
        let clock = Arc::new(SystemClock);
        let store = SqliteStore::open(SqliteSettings { url, clock })
            .await
            .unwrap();
        let mut writer = store.inner.writer.lock().await;
        let Ok(writer) = writer.idle().await else {
            panic!("no writer");
        };
        check(writer).await.unwrap();
        assert_eq!(value(writer, "PRAGMA busy_timeout").await.unwrap(), "10000");
        let mut reader = store.readers().acquire().await.unwrap();
        check(&mut reader).await.unwrap();
        assert_eq!(value(&mut reader, "PRAGMA query_only").await.unwrap(), "1");
        assert_eq!(
            value(&mut reader, "PRAGMA busy_timeout").await.unwrap(),
            "10000"
        );
    }

    #[tokio::test]
    async fn a_database_that_does_not_sync_is_refused_by_the_name_of_the_setting() {
        let mut other = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let refused = check(&mut other).await.unwrap_err();
        let why = std::error::Error::source(&refused).unwrap().to_string();
        assert!(
            why.contains("journal_mode = memory") && why.contains("local disk"),
            "{why}"
        );
    }
}
