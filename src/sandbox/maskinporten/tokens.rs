//! Tokens that are about: what the fake Maskinporten gives out and the fake register looks at.
//! Like real ones they are signed, so that an API may look at them; nothing of them concerns the client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// To whom.
    pub client: String,
    /// For whom, if somebody else.
    pub consumer: Option<String>,
    /// For what.
    pub scopes: Vec<String>,
    /// For which service.
    pub resource: Option<String>,
    ends: Instant,
}

/// All tokens. Cheap to clone; the clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Arc<Mutex<HashMap<String, Issued>>>);

impl Tokens {
    pub(super) fn issue(
        &self,
        token: String,
        client: String,
        consumer: Option<String>,
        scopes: Vec<String>,
        resource: Option<String>,
        life: Duration,
    ) {
        let issued = Issued {
            client,
            consumer,
            scopes,
            resource,
            ends: Instant::now() + life,
        };
        self.0.lock().insert(token, issued);
    }

    /// What `token` stands for, if it lives.
    pub fn find(&self, token: &str) -> Option<Issued> {
        let tokens = self.0.lock();
        let issued = tokens.get(token)?;
        (Instant::now() < issued.ends).then(|| issued.clone())
    }

    /// Every token given out so far is worthless from now on.
    pub fn withdraw_all(&self) {
        self.0.lock().clear();
    }
}
