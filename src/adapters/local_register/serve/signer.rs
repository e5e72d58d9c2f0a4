//! Signs answers for those who ask for `application/jose`.

use serde::Serialize;

use crate::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningError, SigningKey};

/// The key that answers are signed with.
#[derive(Debug, Clone)]
pub struct Signer {
    key: SigningKey,
    kid: String,
}

impl Signer {
    /// Signs with `key`, known to others as `kid`; without one as its thumbprint (RFC 7638).
    pub fn new(key: SigningKey, kid: Option<String>) -> Self {
        let kid = kid.unwrap_or_else(|| key.public().thumbprint());
        Self { key, kid }
    }

    pub(super) fn sign(&self, answer: &impl Serialize) -> Result<String, SigningError> {
        let name = KeyName::Kid(self.kid.clone());
        self.key.sign(RsaAlgorithm::Rs256, &name, answer)
    }

    /// What others check the signatures with (RFC 7517).
    pub(super) fn key_set(&self) -> serde_json::Value {
        serde_json::json!({"keys": [self.key.public().to_jwk(&self.kid)]})
    }
}
