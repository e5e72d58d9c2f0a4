//! One token and everybody who wants it: one request however many wait, renewed before it ends,
//! and a failure told to all who waited for it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::error::TokenError;
use super::grant::Grants;
use super::tokens::{AccessToken, Audience};
use super::wire::TokenReply;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::entropy::Entropy;

/// A token is not used in its last seconds: it must still live when the call arrives.
const MARGIN: Duration = Duration::from_secs(5);
/// A failure holds so long for all who ask; afterwards somebody tries again.
const UNAVAILABLE_HOLDS: Duration = Duration::from_secs(1);
/// A refusal is a matter of configuration: asking more often helps nobody.
const REFUSED_HOLDS: Duration = Duration::from_secs(30);
/// While the old token is good, a renewal that failed is not tried again before this.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct State {
    token: Option<Kept>,
    failure: Option<(TokenError, Monotonic)>,
}

#[derive(Debug, Clone)]
struct Kept {
    token: AccessToken,
    renew: Monotonic,
    end: Monotonic,
}

/// The token of one audience.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

/// What is at hand.
enum AtHand {
    Fresh(AccessToken),
    Old(AccessToken),
    Failed(TokenError),
    Nothing,
}

impl Slot {
    /// The token, or a new one.
    pub(super) async fn get(
        &self,
        grants: &Grants,
        audience: &Audience,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<AccessToken, TokenError> {
        let old = match self.at_hand(clock.monotonic()) {
            AtHand::Fresh(token) => return Ok(token),
            AtHand::Failed(error) => return Err(error),
            AtHand::Old(token) => Some(token),
            AtHand::Nothing => None,
        };
        let _flight = match (&old, self.flight.try_lock()) {
            (_, Ok(flight)) => flight,
            // Somebody renews it already, and the old one is good until then.
            (Some(token), Err(_)) => return Ok(token.clone()),
            (None, Err(_)) => self.flight.lock().await,
        };
        // While we waited somebody else may have asked.
        match self.at_hand(clock.monotonic()) {
            AtHand::Fresh(token) => return Ok(token),
            AtHand::Failed(error) => return Err(error),
            AtHand::Old(_) | AtHand::Nothing => {}
        }
        let asked = clock.monotonic();
        match grants.ask(audience).await {
            Ok(reply) => Ok(self.keep(reply, audience, asked, entropy.unit())),
            Err(error) => match old {
                Some(token) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the token could not be renewed; the old one is good a while yet"
                    );
                    self.renew_later(clock.monotonic());
                    Ok(token)
                }
                None => {
                    let holds = match &error {
                        TokenError::Unavailable { retry_after, .. } => {
                            retry_after.unwrap_or(UNAVAILABLE_HOLDS)
                        }
                        TokenError::Refused { .. } | TokenError::Signing => REFUSED_HOLDS,
                    };
                    let until = clock.monotonic().plus(holds);
                    self.state.lock().failure = Some((error.clone(), until));
                    Err(error)
                }
            },
        }
    }

    /// The token was refused; unless it is a newer one already, nobody uses it again.
    pub(super) fn forget(&self, token: &AccessToken) {
        let mut state = self.state.lock();
        if state
            .token
            .as_ref()
            .is_some_and(|kept| kept.token.is(token))
        {
            state.token = None;
        }
    }

    fn at_hand(&self, now: Monotonic) -> AtHand {
        let mut state = self.state.lock();
        match &state.token {
            Some(kept) if now < kept.renew => return AtHand::Fresh(kept.token.clone()),
            Some(kept) if now < kept.end => return AtHand::Old(kept.token.clone()),
            Some(_) | None => state.token = None,
        }
        match &state.failure {
            Some((error, until)) if now < *until => AtHand::Failed(error.clone()),
            Some(_) | None => AtHand::Nothing,
        }
    }

    fn keep(
        &self,
        reply: TokenReply,
        audience: &Audience,
        asked: Monotonic,
        unit: f64,
    ) -> AccessToken {
        let life = Duration::from_secs(reply.expires_in);
        // Renewed with 10 to 30 % of its life left, so that a fleet does not renew at once.
        let renew = life.mul_f64(0.7 + 0.2 * unit);
        let end = life.saturating_sub(MARGIN.min(life / 10));
        let token = AccessToken::new(reply, audience);
        let mut state = self.state.lock();
        state.failure = None;
        state.token = Some(Kept {
            token: token.clone(),
            renew: asked.plus(renew.min(end)),
            end: asked.plus(end),
        });
        token
    }

    fn renew_later(&self, now: Monotonic) {
        if let Some(kept) = &mut self.state.lock().token {
            kept.renew = now.plus(RENEWAL_PAUSE).min(kept.end);
        }
    }
}
