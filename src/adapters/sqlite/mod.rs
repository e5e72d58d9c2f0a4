//! The store on SQLite, for one machine.
//!
//! One process holds the file (a lock beside it says which); within it one connection writes, a
//! few read. A batch is one statement: its rows go in as one JSON text and `json_each` takes them
//! apart. Transactions run in tasks of their own, so that no caller who goes away can leave one
//! open. Time is the process's clock.

mod audit;
mod connect;
mod contacts;
mod durability;
mod error;
mod evidence;
mod health;
mod history;
mod jobs;
mod keys;
mod ledger;
mod lock;
mod migrate;
mod opt_outs;
mod outbox;
mod parking;
mod reach;
mod residents;
mod retention;
mod rows;
mod sessions;
mod workers;
mod write;

pub use connect::{SqliteSettings, SqliteStore};
