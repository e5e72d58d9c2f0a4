//! RSA keys made on the spot. For the sandbox and tests only: they are made without care for who
//! may be measuring.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graviola::signing::rsa::{KeySize, SigningKey as Generated};

use crate::adapters::jose::wire::SigningKey;

/// A new key of 2048 bits, in PEM form (PKCS #8). Takes some 30 ms.
///
/// # Errors
/// The machine gives no random numbers.
pub fn generate_pem() -> io::Result<String> {
    let key = Generated::generate(KeySize::Rsa2048).map_err(failed)?;
    let mut der = [0; 2_048];
    let der = key.to_pkcs8_der(&mut der).map_err(failed)?;
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

/// A new key of 2048 bits.
///
/// # Errors
/// As [`generate_pem`].
pub fn generate() -> io::Result<SigningKey> {
    SigningKey::from_pem(&generate_pem()?).map_err(io::Error::other)
}

fn failed(error: graviola::Error) -> io::Error {
    io::Error::other(format!("no RSA key can be made: {error:?}"))
}
