//! `budstikke watch`: the fleet live, from what a worker tells Prometheus.

mod command;
pub mod exposition;
pub mod snapshot;

pub use command::Watch;
