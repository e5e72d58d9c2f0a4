//! Kind `json`: any simple HTTP gateway that takes one JSON object per message.

mod classify;
mod gateway;
mod settings;
mod wire;

#[cfg(test)]
mod tests;

pub(super) use classify::classify;

pub use super::http::verdict::StatusLists;
pub use gateway::JsonGateway;
pub use settings::{Fields, HttpMethod, JsonSettings, NumberFormat};
