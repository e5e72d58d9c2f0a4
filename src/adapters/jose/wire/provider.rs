//! Lets `jsonwebtoken` work with ring. RSA with PKCS #1 v1.5 only: nobody we speak with uses
//! anything else, and what is not here cannot be confused.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair, RsaParameters,
    RsaPublicKeyComponents,
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: |_| Err(unsupported()),
        ec_pub_components_from_private_key: |_, _| Err(unsupported()),
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest: |_, _| Err(unsupported()),
    },
};

/// Puts ring in place; only the first call does anything.
pub(super) fn install() {
    RING.install_default().ok();
}

fn unsupported() -> Error {
    ErrorKind::InvalidAlgorithm.into()
}

fn pkcs1(algorithm: Algorithm) -> Option<(&'static dyn RsaEncoding, &'static RsaParameters)> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever the library adds, we speak these three"
    )]
    match algorithm {
        Algorithm::RS256 => Some((&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)),
        Algorithm::RS384 => Some((&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384)),
        Algorithm::RS512 => Some((&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512)),
        _ => None,
    }
}

/// Reads a private key, PKCS #8 or PKCS #1.
pub(super) fn key_pair(der: &[u8]) -> Result<RsaKeyPair, ring::error::KeyRejected> {
    RsaKeyPair::from_pkcs8(der).or_else(|_not_pkcs8| RsaKeyPair::from_der(der))
}

struct RingSigner {
    pair: RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    algorithm: Algorithm,
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let (encoding, _) = pkcs1(*algorithm).ok_or_else(unsupported)?;
    let pair = key_pair(key.as_bytes())
        .map_err(|rejected| ErrorKind::InvalidRsaKey(rejected.to_string()))?;
    Ok(Box::new(RingSigner {
        pair,
        encoding,
        algorithm: *algorithm,
    }))
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut bytes = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(self.encoding, &SystemRandom::new(), message, &mut bytes)
            .map_err(|_unspecified| signature::Error::new())?;
        Ok(bytes)
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

struct RingVerifier {
    n: Vec<u8>,
    e: Vec<u8>,
    parameters: &'static RsaParameters,
    algorithm: Algorithm,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let (_, parameters) = pkcs1(*algorithm).ok_or_else(unsupported)?;
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Ok(Box::new(RingVerifier {
            n: n.clone(),
            e: e.clone(),
            parameters,
            algorithm: *algorithm,
        })),
        DecodingKeyKind::SecretOrDer(_) => Err(unsupported()),
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], bytes: &Vec<u8>) -> Result<(), signature::Error> {
        let (n, e) = (&self.n, &self.e);
        RsaPublicKeyComponents { n, e }
            .verify(self.parameters, message, bytes)
            .map_err(|_unspecified| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
