//! Kind `kannel`: Kannel's `sendsms` and the many gateways that imitate it.
//!
//! The message travels as the query of a GET, so keep retrying proxies out of the way: HTTP calls a
//! GET repeatable, an SMS is not.

mod classify;
mod gateway;
mod wire;

pub(super) use classify::classify;
pub use gateway::KannelGateway;
