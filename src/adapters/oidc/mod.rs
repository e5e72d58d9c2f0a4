//! Logging in with OpenID Connect as ID-porten does it: code flow with PKCE, pushed requests where
//! offered, and an ID token that is checked to the last claim.

mod believe;
mod metadata;
mod provider;
mod settings;
pub mod wire;

pub use provider::OidcProvider;
pub use settings::{ClientProof, OidcSettings};

#[cfg(test)]
mod tests;
