//! Who we are at the provider.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

use crate::adapters::jose::wire::{KeyName, SigningKey};

/// How our client proves who it is.
#[derive(Clone)]
pub enum ClientProof {
    /// A signed assertion (RFC 7523), RS256.
    Key(SigningKey, KeyName),
    /// A secret, sent as Basic.
    Secret(String),
}

impl fmt::Debug for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientProof(***)")
    }
}

/// Our own client.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The issuer, exactly as it calls itself.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// How it proves who it is.
    pub proof: ClientProof,
    /// The lowest level of login that is enough.
    pub acr: String,
    /// Where the provider sends the browser with its answer.
    pub redirect_url: Url,
    /// Where the provider sends the browser after logging out.
    pub post_logout_url: Url,
    /// How long one call may take.
    pub timeout: Duration,
}
