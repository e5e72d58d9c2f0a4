//! budstikke: a notification dispatch fleet.
//!
//! Agencies enqueue jobs; workers look the recipients up, decide by law and policy, send SMS and
//! e-mail, and tell the agency truthfully what became of each recipient.
//!
//! | layer | may name |
//! |---|---|
//! | [`domain`] | nothing: pure |
//! | [`ports`] | domain |
//! | [`telemetry`] | domain |
//! | [`config`] | domain |
//! | [`pipeline`] | domain, ports, telemetry |
//! | [`adapters`] | domain, ports, telemetry, config |
//! | [`sandbox`] | domain, adapters' wire formats |
//! | [`api`] | domain, ports, telemetry, pipeline |
//! | [`page`] | domain, ports, telemetry, pipeline |
//! | [`app`] | all of the above |
//! | [`cli`] | all of the above |
//!
//! To follow a job, read `pipeline` in this order: intake, claim, resolve, plan, intent, wire,
//! settle, publish.

pub mod adapters;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod page;
pub mod pipeline;
pub mod ports;
pub mod sandbox;
pub mod telemetry;
