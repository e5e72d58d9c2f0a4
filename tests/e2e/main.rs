//! The program as a user runs it: the real binary, real servers, the sandbox outside.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test expects it says by failing"
)]

#[expect(unreachable_pub, reason = "a binary of tests has no outside")]
mod browser;
#[expect(unreachable_pub, reason = "a binary of tests has no outside")]
mod support;

mod audit;
mod bench;
mod broker;
mod demo;
mod evidence;
mod http;
mod life;
mod limits;
mod opt_outs;
mod page;
mod privacy;
mod register;
mod retention;
mod roles;
mod served_register;
mod streets;
mod tokens;
mod usage;
