//! Others' keys (JWKS, RFC 7517), and what is signed with one of them.

use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::key::{PublicKey, RsaAlgorithm};
use super::provider;

/// A text is no key set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeySetError {
    /// Not of the form `{"keys": […]}`.
    #[error("is no key set: expected {{\"keys\": […]}}")]
    Shape,
    /// No usable key in it.
    #[error("holds no RSA key")]
    Empty,
}

/// Why signed JSON is not believed. The texts never repeat any of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    /// Not three parts, or its header is no JSON.
    #[error("is not signed JSON")]
    Shape,
    /// Signed in a way that we do not take (`none` above all).
    #[error("is not signed with an algorithm that we take")]
    Algorithm,
    /// The header names a key that is not in the set; a newer set may hold it.
    #[error("is signed with a key that is not in the key set")]
    UnknownKey,
    /// No key of the set made this signature.
    #[error("has a signature that does not fit")]
    Signature,
    /// Well signed, but the payload is not what was expected.
    #[error("is well signed, but its content is not of the expected form")]
    Payload,
}

/// The keys that somebody signs with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<(Option<String>, PublicKey)>);

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    /// The set of one key, known by `kid`.
    pub fn one(kid: &str, key: PublicKey) -> Self {
        Self(vec![(Some(kid.to_owned()), key)])
    }

    /// Reads a key set; keys that are not RSA, or not for signatures, are left out.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let Ok(Keys { keys }) = serde_json::from_slice(json) else {
            return Err(KeySetError::Shape);
        };
        let usable = keys
            .into_iter()
            .filter(|key| key.kty == "RSA" && key.r#use.as_deref().unwrap_or("sig") == "sig")
            .filter_map(|key| Some((key.kid, PublicKey::from_base64(&key.n?, &key.e?)?)));
        let set = Self(usable.collect());
        if set.0.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(set)
    }

    /// The payload of `jws` if one of the keys signed it. Only the signature is looked at; what the
    /// payload claims (`exp`, `aud`) is for the caller.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify<T: DeserializeOwned>(&self, jws: &str) -> Result<T, VerifyError> {
        let all = [
            RsaAlgorithm::Rs256,
            RsaAlgorithm::Rs384,
            RsaAlgorithm::Rs512,
        ];
        self.verify_as(&all, jws)
    }

    /// As [`Self::verify`], but takes these algorithms only.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify_as<T: DeserializeOwned>(
        &self,
        taken: &[RsaAlgorithm],
        jws: &str,
    ) -> Result<T, VerifyError> {
        use jsonwebtoken::errors::ErrorKind;

        provider::install();
        let header = jsonwebtoken::decode_header(jws).map_err(|_bad| VerifyError::Shape)?;
        if !taken.iter().any(|one| Algorithm::from(*one) == header.alg) {
            return Err(VerifyError::Algorithm);
        }
        let mut validation = Validation::new(header.alg);
        validation.algorithms = vec![header.alg];
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        // Without a name any key may be the one; with a name only that key.
        let named = |kid: &Option<String>| header.kid.is_none() || *kid == header.kid;
        let mut problem = VerifyError::UnknownKey;
        for (_, key) in self.0.iter().filter(|(kid, _)| named(kid)) {
            match jsonwebtoken::decode::<T>(jws, &key.decoding(), &validation) {
                Ok(token) => return Ok(token.claims),
                // The signature is looked at first, so this one fitted.
                Err(error) if matches!(error.kind(), ErrorKind::Json(_)) => {
                    return Err(VerifyError::Payload);
                }
                Err(_other) => problem = VerifyError::Signature,
            }
        }
        Err(problem)
    }
}
