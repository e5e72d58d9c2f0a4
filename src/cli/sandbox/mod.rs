//! `budstikke sandbox`: a fake SMS gateway, mail server and register with knobs for faults.

mod command;
pub mod knobs;
mod register;
mod tally;

pub use command::Sandbox;
