//! The command line as people use it: files in, words out.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test expects it says by failing"
)]

mod reading;
mod register;
mod run;
mod sandbox;
mod submit;
mod watch;
