//! The store on PostgreSQL, for a fleet.
//!
//! Every method is a small, fixed number of statements whatever the size of the batch: arrays go
//! in with `unnest`, rows come back with `RETURNING`. The order in which locks are taken is
//! claims, deliveries by id, jobs by number, urgent quotas, buckets by name, addresses, covers,
//! streams; what deadlocks all the same is rolled back by the database and done again here.
//!
//! Erasing is `UPDATE` and `DELETE`: the old row versions go when autovacuum has passed and the
//! page has been written again, so the disk below the database must be encrypted.

mod audit;
mod connect;
mod contacts;
mod durability;
mod error;
mod events;
mod evidence;
mod health;
mod history;
mod jobs;
mod keys;
mod ledger;
mod migrate;
mod opt_outs;
mod outbox;
mod parking;
mod pool;
mod reach;
mod residents;
mod retention;
mod rows;
mod sessions;
mod totals;
mod workers;

pub use connect::{PostgresSettings, PostgresStore};
pub use migrate::migrate;

/// The database's clock in microseconds since 1970, read when the expression is evaluated. It is
/// volatile: inside a `WHERE` it goes into a scalar subquery, or no index is used.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}
use now;
