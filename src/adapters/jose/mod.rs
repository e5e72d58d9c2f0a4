//! Signed JSON (JWS, RFC 7515) with RSA keys: what we sign for Maskinporten, and what others sign
//! for us.

pub(in crate::adapters) mod remote;
pub mod wire;
