//! A TCP proxy that makes trouble: what stands between a worker and its database, broker or gateway
//! may be slow, broken, half broken or gone.

mod counters;
mod server;
mod trouble;
mod way;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use server::Proxy;
pub use trouble::{Direction, Ending, Trouble};
