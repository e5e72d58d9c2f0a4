//! The rate of a gateway holds for all workers together at the point of no return.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "the modules of one test program")]

mod bound;
mod fleet;
mod measured;
mod pauses;
mod real;
mod slow;
