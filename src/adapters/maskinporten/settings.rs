//! Who we are at Maskinporten.

use std::time::Duration;

use reqwest::Url;

use crate::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningKey};

/// Our own client.
#[derive(Debug, Clone)]
pub struct MaskinportenSettings {
    /// The issuer, with the slash at its end.
    pub issuer: Url,
    /// The client's id.
    pub client_id: String,
    /// The client's key.
    pub key: SigningKey,
    /// How Maskinporten knows the key.
    pub key_name: KeyName,
    /// How requests are signed.
    pub algorithm: RsaAlgorithm,
    /// `resource` asked for.
    pub resource: Option<String>,
    /// How long a request may take.
    pub timeout: Duration,
}
