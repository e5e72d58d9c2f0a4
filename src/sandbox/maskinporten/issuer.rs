//! The keys that the fake Maskinporten signs access tokens with, and what stands in those.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningKey};
use crate::sandbox::{keys, wall};

/// The keys: the newest signs, all of them are shown. The first is made when somebody asks for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Issuer(Arc<Mutex<Keys>>);

#[derive(Debug, Default)]
struct Keys {
    shown: Vec<(String, SigningKey)>,
    made: u32,
}

impl Keys {
    fn add(&mut self) -> io::Result<(String, SigningKey)> {
        self.made += 1;
        let key = (format!("maskinporten-{}", self.made), keys::generate()?);
        self.shown.push(key.clone());
        Ok(key)
    }
}

impl Issuer {
    fn newest(&self) -> io::Result<(String, SigningKey)> {
        let mut keys = self.0.lock();
        match keys.shown.last() {
            Some(newest) => Ok(newest.clone()),
            None => keys.add(),
        }
    }

    /// From now on a new key signs; those before it still count.
    pub(super) fn add_key(&self) -> io::Result<()> {
        self.0.lock().add().map(drop)
    }

    /// Every key but the newest is gone.
    pub(super) fn drop_old_keys(&self) {
        let mut keys = self.0.lock();
        let old = keys.shown.len().saturating_sub(1);
        keys.shown.drain(..old);
    }

    pub(super) fn key_set(&self) -> io::Result<Value> {
        self.newest()?;
        let shown = self.0.lock().shown.clone();
        let shown = shown.iter().map(|(kid, key)| key.public().to_jwk(kid));
        Ok(json!({"keys": shown.collect::<Vec<_>>()}))
    }

    pub(super) fn newest_key(&self) -> io::Result<(String, SigningKey)> {
        self.newest()
    }

    pub(super) fn sign(&self, algorithm: RsaAlgorithm, claims: &Value) -> io::Result<String> {
        let (kid, key) = self.newest()?;
        key.sign(algorithm, &KeyName::Kid(kid), claims)
            .map_err(io::Error::other)
    }
}

/// An organisation as tokens name it.
pub fn organisation(number: &str) -> Value {
    json!({"authority": "iso6523-actorid-upis", "ID": format!("0192:{number}")})
}

/// The claims of an access token that lives for ten minutes from now.
pub fn access_claims(issuer: &str, consumer: &str, scope: &str) -> Value {
    let now = wall::now().as_second();
    json!({
        "iss": issuer,
        "client_id": "sandbox",
        "client_amr": "private_key_jwt",
        "consumer": organisation(consumer),
        "scope": scope,
        "token_type": "Bearer",
        "aud": "unspecified",
        "iat": now,
        "exp": now + 599,
        "jti": hex::encode(rand::random::<[u8; 16]>()),
    })
}
