//! SMS gateways over HTTP, one folder per kind.
//!
//! [`http`] makes the call and says what is known of it; a kind's `wire.rs` holds the other side's
//! format and its `classify.rs` turns the answer into an outcome; [`reply`] does so for any kind. [`receipts`] reads what the
//! gateways report later.

mod http;
pub mod json;
pub mod kannel;
pub mod receipts;
pub mod reply;
mod settings;
pub mod wire;

#[cfg(test)]
mod tests;

pub use http::setup::BuildError;
pub use settings::{Auth, Settings};
pub use wire::GatewayKind;
