//! The compact form of signed JSON, our keys and theirs. `jsonwebtoken` does the format, ring the
//! arithmetic.

mod key;
mod key_set;
mod provider;

pub use key::{KeyError, KeyName, PublicKey, RsaAlgorithm, SigningError, SigningKey};
pub use key_set::{KeySet, KeySetError, VerifyError};
