//! The register client against the fake register, `register serve`, and the fake Maskinporten.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test expects it says by failing"
)]

mod answers;
mod faults;
mod refusals;
mod signed;
#[expect(unreachable_pub, reason = "a binary of tests has no outside")]
mod support;
#[expect(unreachable_pub, reason = "a binary of tests has no outside")]
mod table;
mod tokens;
mod trail;
