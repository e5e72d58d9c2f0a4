//! `[database]`: where the store is.

use std::time::Duration;

use super::reader::section;
use super::url::DatabaseUrl;

section! {
    /// The store.
    Database {
        /// Where it is; SQLite for one machine, PostgreSQL for a fleet.
        url: DatabaseUrl,
        /// Connections of this process at most (PostgreSQL).
        max_connections: u32 [1, 1_000],
        /// How long a step waits for a free connection.
        acquire_timeout: Duration [Duration::from_millis(100), Duration::from_secs(300)],
        /// How long one statement may take before the database gives it up (PostgreSQL).
        statement_timeout: Duration [Duration::from_secs(1), Duration::from_secs(3_600)],
        /// Whether `serve` brings an older schema up to date by itself.
        migrate: bool,
    }
}
