//! What the pipeline needs from outside, one file per party: traits and their errors only.
//!
//! The docs of a trait say what every implementation MUST do; the contract suites in `tests/`
//! are those sentences in executable form.

pub mod access;
pub mod clock;
pub mod entropy;
pub mod event_sink;
pub mod gateway;
pub mod job_source;
pub mod login;
pub mod population;
pub mod register;
pub mod slot;
pub mod store;

/// The source of an error that crossed a port.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;
