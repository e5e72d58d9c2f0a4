//! Our own key: read once, with an error that says what the file holds instead.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use ring::signature::RsaPublicKeyComponents;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::provider;

/// The digest that is signed. Maskinporten takes no other families (`domain.md` 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaAlgorithm {
    /// SHA-256.
    Rs256,
    /// SHA-384.
    Rs384,
    /// SHA-512.
    Rs512,
}

impl From<RsaAlgorithm> for Algorithm {
    fn from(algorithm: RsaAlgorithm) -> Self {
        match algorithm {
            RsaAlgorithm::Rs256 => Self::RS256,
            RsaAlgorithm::Rs384 => Self::RS384,
            RsaAlgorithm::Rs512 => Self::RS512,
        }
    }
}

/// How the other side knows which key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyName {
    /// The id that it was registered with.
    Kid(String),
    /// The organisation's certificate and those above it, base64 DER, ours first (`x5c`).
    Certificates(Vec<String>),
}

/// Why a text is no key that we can sign with. The texts never repeat any of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// No PEM block of a private key.
    #[error(
        "holds no private key in PEM form; it must begin with -----BEGIN PRIVATE KEY----- \
         or -----BEGIN RSA PRIVATE KEY-----"
    )]
    NotPem,
    /// Encrypted with a password.
    #[error("is encrypted with a password; decrypt it with: openssl pkey -in KEY -out NEW")]
    Encrypted,
    /// Another kind of key, or too short.
    #[error("is no RSA key of 2048 bits or more; Maskinporten takes no other")]
    NotRsa,
}

/// The JSON could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("signing failed")]
pub struct SigningError(#[from] jsonwebtoken::errors::Error);

/// Both numbers of a public RSA key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) n: Vec<u8>,
    pub(super) e: Vec<u8>,
}

impl PublicKey {
    /// Reads both numbers from base64url, as a JWK holds them.
    pub fn from_base64(n: &str, e: &str) -> Option<Self> {
        Some(Self {
            n: URL_SAFE_NO_PAD.decode(n).ok()?,
            e: URL_SAFE_NO_PAD.decode(e).ok()?,
        })
    }

    /// The JWK with the id `kid` (RFC 7517).
    pub fn to_jwk(&self, kid: &str) -> serde_json::Value {
        serde_json::json!({
            "kty": "RSA", "use": "sig", "kid": kid,
            "n": URL_SAFE_NO_PAD.encode(&self.n), "e": URL_SAFE_NO_PAD.encode(&self.e),
        })
    }

    /// The thumbprint by which many know a key (RFC 7638), SHA-256 in base64url.
    pub fn thumbprint(&self) -> String {
        let (e, n) = (
            URL_SAFE_NO_PAD.encode(&self.e),
            URL_SAFE_NO_PAD.encode(&self.n),
        );
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    pub(super) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_rsa_raw_components(&self.n, &self.e)
    }
}

/// A private RSA key. Prints masked.
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// Reads the first private key of a PEM text, PKCS #8 or PKCS #1.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let der =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_no_key| KeyError::NotPem)?;
        Self::from_der(der.secret_der())
    }

    /// Reads a key in PKCS #8 or PKCS #1.
    ///
    /// # Errors
    /// [`KeyError::NotRsa`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        provider::install();
        let pair = provider::key_pair(der).map_err(|_rejected| KeyError::NotRsa)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
        Ok(Self {
            key: EncodingKey::from_rsa_der(der),
            public: PublicKey {
                n: public.n,
                e: public.e,
            },
        })
    }

    /// What others may know.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `payload`; the result is the compact form with three parts.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn sign(
        &self,
        algorithm: RsaAlgorithm,
        name: &KeyName,
        payload: &impl Serialize,
    ) -> Result<String, SigningError> {
        let mut header = Header::new(algorithm.into());
        match name {
            KeyName::Kid(kid) => header.kid = Some(kid.clone()),
            KeyName::Certificates(chain) => header.x5c = Some(chain.clone()),
        }
        Ok(jsonwebtoken::encode(&header, payload, &self.key)?)
    }
}
