//! Signed answers, and keys that are changed.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningKey};
use crate::sandbox::keys;

/// Signs with the newest key and shows all that still count. The first key is made when somebody
/// asks for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Signer(Arc<Mutex<Vec<(String, SigningKey)>>>);

impl Signer {
    fn newest(&self) -> io::Result<(String, SigningKey)> {
        let mut keys = self.0.lock();
        if let Some(newest) = keys.last() {
            return Ok(newest.clone());
        }
        let first = ("krr-1".to_owned(), keys::generate()?);
        keys.push(first.clone());
        Ok(first)
    }

    /// From now on a new key signs and the old ones are gone.
    pub(super) fn rotate(&self) -> io::Result<()> {
        let key = keys::generate()?;
        let mut keys = self.0.lock();
        let kid = format!("krr-{}", keys.len() + 2);
        keys.clear();
        keys.push((kid, key));
        Ok(())
    }

    pub(super) fn key_set(&self) -> io::Result<Value> {
        let (kid, key) = self.newest()?;
        Ok(json!({"keys": [
            {"kty": "EC", "kid": "other", "crv": "P-256", "x": "AA", "y": "AA"},
            key.public().to_jwk(&kid),
        ]}))
    }

    pub(super) fn sign(&self, payload: &Value) -> io::Result<String> {
        let (kid, key) = self.newest()?;
        key.sign(RsaAlgorithm::Rs256, &KeyName::Kid(kid), payload)
            .map_err(io::Error::other)
    }

    /// Signed with a key that only pretends to be ours.
    pub(super) fn forge(&self, payload: &Value) -> io::Result<String> {
        let (kid, _) = self.newest()?;
        keys::generate()?
            .sign(RsaAlgorithm::Rs256, &KeyName::Kid(kid), payload)
            .map_err(io::Error::other)
    }
}
