//! Whose tokens are believed, and which.

use std::time::Duration;

use reqwest::Url;

/// Whose tokens are believed, and which.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// `iss`, with the slash at its end.
    pub issuer: String,
    /// A word that `scope` must hold; blank: whoever asks looks at the scopes.
    pub scope: String,
    /// `aud`; `None`: not asked for.
    pub audience: Option<String>,
    /// Where the issuer's keys are.
    pub keys: Url,
    /// How long fetching the keys may take.
    pub timeout: Duration,
}
