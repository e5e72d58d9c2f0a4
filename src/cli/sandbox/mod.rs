//! `budstikke sandbox`: a fake SMS gateway and mail server with knobs for faults.

mod command;
pub mod knobs;
mod tally;

pub use command::Sandbox;
