//! The tokens that are at hand.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::TokenError;
use super::grant::Grants;
use super::settings::MaskinportenSettings;
use super::slot::Slot;
use super::wire::TokenReply;
use crate::domain::org_number::OrgNumber;
use crate::ports::BoxError;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Audience {
    /// Scopes, separated by spaces; one is advised.
    pub scope: String,
    /// Whom we act for, if not ourselves.
    pub consumer: Option<OrgNumber>,
}

/// A token. Prints masked.
#[derive(Clone)]
pub struct AccessToken(Arc<Granted>);

struct Granted {
    text: String,
    scope: String,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(***)")
    }
}

impl AccessToken {
    pub(super) fn new(reply: TokenReply, audience: &Audience) -> Self {
        let scope = reply.scope.unwrap_or_else(|| audience.scope.clone());
        Self(Arc::new(Granted {
            text: reply.access_token,
            scope,
        }))
    }

    /// The token itself; for the `Authorization` header only.
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    /// Whether it was granted with that scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0
            .scope
            .split_ascii_whitespace()
            .any(|one| one == scope)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// One token per scope and consumer, asked for once however many wait for it.
pub struct AccessTokens {
    grants: Grants,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    slots: Mutex<HashMap<Audience, Arc<Slot>>>,
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({:?})", self.grants)
    }
}

impl AccessTokens {
    /// Asks for nothing yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        settings: MaskinportenSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, BoxError> {
        Ok(Self {
            grants: Grants::new(settings, Arc::clone(&clock), Arc::clone(&entropy))?,
            clock,
            entropy,
            slots: Mutex::default(),
        })
    }

    /// The token at hand, or a new one.
    ///
    /// # Errors
    /// [`TokenError`]; the same for all who waited.
    pub async fn get(&self, audience: &Audience) -> Result<AccessToken, TokenError> {
        self.slot(audience)
            .get(&self.grants, audience, &self.clock, &self.entropy)
            .await
    }

    /// The other side refused `token`; the next who asks gets a new one.
    pub fn forget(&self, audience: &Audience, token: &AccessToken) {
        self.slot(audience).forget(token);
    }

    fn slot(&self, audience: &Audience) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(audience) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(audience.clone()).or_default())
    }
}
