//! What every subcommand builds on: processes, the fleet, the outside world, load, and what the
//! agencies are told.

pub(crate) mod api;
pub(crate) mod backlog;
pub(crate) mod broker;
pub(crate) mod env;
pub(crate) mod feed;
pub(crate) mod fleet;
pub(crate) mod jitter;
pub(crate) mod jobs;
pub(crate) mod load;
pub(crate) mod oracle;
pub(crate) mod plan;
pub(crate) mod say;
pub(crate) mod steady;
pub(crate) mod wire_log;
pub(crate) mod worker;
