//! Access tokens of Maskinporten, for calls to other public bodies' services (`domain.md` 2.1).

mod classify;
mod error;
mod grant;
mod settings;
mod slot;
mod tokens;
pub mod wire;

pub use error::TokenError;
pub use settings::MaskinportenSettings;
pub use tokens::{AccessToken, AccessTokens, Audience};
