//! One HTTP exchange with a gateway, and exactly what is known of it afterwards.
//!
//! The connections are our own, because only the one who writes knows whether a byte left, and can
//! hold it back: the last byte of a request leaves inside the message's slot or never.

pub(super) mod answer;
mod body;
pub(super) mod client;
mod dial;
mod pool;
mod probe;
pub(super) mod setup;
mod turnstile;
pub(super) mod verdict;
