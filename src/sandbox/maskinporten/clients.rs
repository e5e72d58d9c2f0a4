//! Who is registered, with which key and which scopes.

use std::collections::{HashMap, HashSet};

use crate::adapters::jose::wire::{KeySet, PublicKey};

/// How a client's key is known.
#[derive(Debug, Clone)]
pub enum ClientKey {
    /// A key registered under an id.
    Kid(String, PublicKey),
    /// An organisation certificate, base64 DER, and the key in it.
    Certificate(String, PublicKey),
}

impl ClientKey {
    /// The key alone; signatures carry a `kid` that is looked at elsewhere.
    pub(super) fn set(&self) -> KeySet {
        match self {
            Self::Kid(kid, key) => KeySet::one(kid, key.clone()),
            // Without a kid in the header any key of the set is tried.
            Self::Certificate(_, key) => KeySet::one("", key.clone()),
        }
    }
}

/// A client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: ClientKey,
    /// What it may ask for in its own name.
    pub scopes: HashSet<String>,
    /// What others have delegated to it: organisation number, scopes.
    pub delegated: HashMap<String, HashSet<String>>,
    /// It may ask for everything, for everybody; its signature alone is looked at.
    pub is_trusted: bool,
}

impl Client {
    /// A client that may ask for `scope` and that nobody has delegated anything to.
    pub fn new(id: &str, key: ClientKey, scope: &str) -> Self {
        Self {
            id: id.to_owned(),
            key,
            scopes: HashSet::from([scope.to_owned()]),
            delegated: HashMap::new(),
            is_trusted: false,
        }
    }

    /// A client that may ask for everything, for everybody.
    pub fn trusted(id: &str, key: ClientKey) -> Self {
        Self {
            is_trusted: true,
            ..Self::new(id, key, "")
        }
    }

    /// With `scope` delegated by `organisation`.
    #[must_use]
    pub fn delegated_by(mut self, organisation: &str, scope: &str) -> Self {
        let scopes = self.delegated.entry(organisation.to_owned()).or_default();
        scopes.insert(scope.to_owned());
        self
    }
}

/// Who may ask for tokens.
#[derive(Debug, Clone)]
pub enum Clients {
    /// These, checked in every way.
    Registered(Vec<Client>),
    /// Anybody, for anything; signatures are not looked at. For trying things out.
    Anybody,
}
