//! budstikke's own HTTP API from the other side: what the command line asks (contract section 5).
//!
//! | file | holds |
//! |---|---|
//! | [`wire`] | the answers' bodies |
//! | [`classify`] | answers that are no success, in our words: pure |
//! | [`client`] | the calls |

pub mod classify;
pub mod client;
pub mod error;
pub mod wire;

#[cfg(test)]
mod tests;

pub use client::{ApiClient, ApiKey};
pub use error::ApiError;
