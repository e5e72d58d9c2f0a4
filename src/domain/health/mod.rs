//! The health of gateways and relays: what the whole fleet saw of them lately, whether they may be
//! used at all (the circuit, R-34) and how much of their channel's traffic they get (the share,
//! Pure: figures and the present state in, changes with their reasons out.

mod judge;
mod shift;
mod state;
mod tally;

#[cfg(test)]
mod tests;

pub use judge::{Change, Seen, after_probe, judge};
pub use state::{Circuit, GatewayState, Rules, Share};
pub use tally::{Bin, Tally, window};
