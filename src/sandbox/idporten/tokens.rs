//! ID tokens of the fake.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

use super::knobs::IdPortenKnobs;
use crate::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningKey};
use crate::sandbox::wall;

/// The key's id in the key set.
pub(super) const KID: &str = "sandbox";

/// What a token says.
#[derive(Debug)]
pub(super) struct Say<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) person: &'a str,
    pub(super) sid: &'a str,
    pub(super) access_token: &'a str,
}

pub(super) fn id_token(key: &SigningKey, say: &Say<'_>, knobs: &IdPortenKnobs) -> Option<String> {
    let now = wall::now().as_second();
    let access: [u8; 32] = Sha256::digest(say.access_token).into();
    let sub: [u8; 32] = Sha256::digest(format!("{} {}", say.client, say.person)).into();
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(say.issuer)),
        ("aud", json!(say.client)),
        ("sub", json!(URL_SAFE_NO_PAD.encode(sub))),
        ("pid", json!(say.person)),
        ("nonce", json!(say.nonce)),
        ("acr", json!(knobs.acr)),
        ("amr", json!(["TestID"])),
        ("sid", json!(say.sid)),
        ("at_hash", json!(URL_SAFE_NO_PAD.encode(&access[..16]))),
        ("iat", json!(now)),
        ("auth_time", json!(now)),
        ("exp", json!(now + 120)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    for (name, value) in &knobs.claims {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    let name = KeyName::Kid(KID.to_owned());
    let token = key.sign(RsaAlgorithm::Rs256, &name, &claims).ok()?;
    Some(match &knobs.signature {
        Some(instead) => {
            let (signed, _) = token.rsplit_once('.')?;
            format!("{signed}.{instead}")
        }
        None => token,
    })
}
