//! Who may use the fake.

use crate::adapters::jose::wire::{KeySet, PublicKey};

/// How a client proves who it is.
#[derive(Debug, Clone)]
pub enum IdPortenProof {
    /// With a signed assertion, by a key known under this id.
    Key(String, PublicKey),
    /// With a secret, as Basic.
    Secret(String),
}

impl IdPortenProof {
    pub(super) fn keys(&self) -> Option<KeySet> {
        match self {
            Self::Key(kid, key) => Some(KeySet::one(kid, key.clone())),
            Self::Secret(_) => None,
        }
    }
}

/// A client.
#[derive(Debug, Clone)]
pub struct IdPortenClient {
    /// Its id.
    pub id: String,
    /// How it proves who it is.
    pub proof: IdPortenProof,
    /// Where answers may go.
    pub redirect: String,
}

/// All clients.
#[derive(Debug, Clone)]
pub enum IdPortenClients {
    /// Anybody, and nothing is proved: for trying things out on one machine.
    Anybody,
    /// This one only.
    One(IdPortenClient),
}
