//! What every store must do: the sentences of `src/ports/store` in executable form.
//!
//! A case is an `async fn(World)`; each backend runs all of them. `every_case!` lists them, so a
//! forgotten one is an unused function and the compiler says so.

#[macro_use]
mod cases;
mod make;
mod world;

mod jobs;
mod jobs_end;
mod ledger_claim;
