//! What every store must do: the sentences of `src/ports/store` in executable form.
//!
//! A case is an `async fn(World)`; each backend runs all of them. `every_case!` lists them, so a
//! forgotten one is an unused function and the compiler says so.

#![expect(
    unreachable_pub,
    reason = "in a test binary `pub` says that other modules use it; unused items still warn"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "cases are tests although they carry no attribute of their own"
)]

#[macro_use]
mod cases;
mod make;
mod on_postgres;
mod on_sqlite;
mod world;

mod address_limit;
mod agency_rate;
mod audit;
mod contacts;
mod evidence;
mod health;
mod jobs;
mod jobs_end;
mod keys;
mod ledger_again;
mod ledger_claim;
mod ledger_cover;
mod ledger_intend;
mod ledger_rate;
mod ledger_settle;
mod ledger_totals;
mod ledger_unknown;
mod opt_outs;
mod outbox;
mod page;
mod parking;
mod postgres_server;
mod residents;
mod retention;
mod sqlite_file;
mod trail;
mod urgent_quota;
mod workers;
