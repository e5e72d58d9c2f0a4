//! The HTTP API as its callers see it: the real routes over the real intake and a SQLite store.

#![expect(
    unreachable_pub,
    reason = "in a test binary `pub` says that other modules use it; unused items still warn"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests carry no attribute of their own"
)]

mod bad_tokens;
mod bodies;
mod calls;
mod events;
mod faults;
mod jobs;
mod keys;
mod notifications;
mod others;
mod pages;
mod receipts;
mod socket;
mod streets;
mod support;
mod tokens;
