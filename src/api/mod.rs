//! The HTTP API (contract section 5): jobs in, their course, the event feed, delivery reports in,
//! health and metrics, and the description of all of it.
//!
//! Handlers read what came, ask the pipeline or the store, and answer; they decide nothing about
//! jobs. [`mod@router`] is where to start reading: every route, and what is laid around all of them.

mod around;
mod auth;
mod body;
mod bounces;
mod cursor;
mod docs;
mod events;
mod evidence;
mod health;
mod job_request;
mod jobs;
mod limiter;
mod notifications;
mod openapi;
mod opt_outs;
mod preview;
mod problem;
mod query;
mod reach;
mod receipts;
mod router;
mod state;
mod words;

pub use openapi::document;
pub use router::router;
pub use state::{
    ApiLimits, ApiParts, ApiState, Metrics, ParseReceipts, Ready, ReceiptSource, ReceiptToken,
};
