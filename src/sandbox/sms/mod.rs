//! A fake SMS gateway that speaks every kind we speak, remembers what it took, and misbehaves as it
//! is told.

mod callback;
mod counters;
mod dice;
mod fault;
mod handler;
mod inbox;
mod knobs;
mod reports;
mod server;
mod wire;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use fault::Fault;
pub use inbox::{Inbox, Taken};
pub use knobs::{Fate, FateOf, FaultOf, IsReceiver, Knobs, Repeats, Reports, Span};
pub use server::SmsServer;
