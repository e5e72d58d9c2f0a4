//! One request for a token.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::Url;

use super::classify::{Answer, classify};
use super::error::TokenError;
use super::settings::MaskinportenSettings;
use super::tokens::Audience;
use super::wire::{GRANT_TYPE, GrantClaims, GrantForm, TokenReply};
use crate::adapters::https::caller::{Caller, Limits, Reply};
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;

/// A grant is made for one request; half of what is allowed leaves room for a slow network.
const GRANT_SECONDS: i64 = super::wire::LONGEST_GRANT / 2;
/// Maskinporten tolerates ten seconds (`domain.md` 2.1).
const TOLERATED_SECONDS: i64 = 10;
/// More of an answer than this is not read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Asks for tokens.
pub(super) struct Grants {
    settings: MaskinportenSettings,
    endpoint: Url,
    caller: Caller,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Seconds that Maskinporten's clock is ahead of ours, once that was found to matter.
    ahead: AtomicI64,
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grants({:?})", self.caller)
    }
}

impl Grants {
    pub(super) fn new(
        settings: MaskinportenSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, BoxError> {
        Ok(Self {
            endpoint: settings.issuer.join("token")?,
            caller: Caller::new(&settings.issuer, 2)?,
            settings,
            clock,
            entropy,
            ahead: AtomicI64::new(0),
        })
    }

    /// Asks once; twice if our clock turns out to be wrong.
    pub(super) async fn ask(&self, audience: &Audience) -> Result<TokenReply, TokenError> {
        let (answer, reply) = self.once(audience).await?;
        let error = match answer {
            Answer::Token(token) => return Ok(token),
            Answer::Not(error) => return Err(error),
            Answer::Clock(error) => error,
        };
        let Some(date) = reply.date else {
            return Err(error);
        };
        let ahead = seconds(date) - seconds(self.clock.now());
        if ahead.abs() <= TOLERATED_SECONDS {
            return Err(error);
        }
        tracing::warn!(
            clock_ahead_s = ahead,
            "the clock of this machine and Maskinporten's are {} s apart; set this one (NTP)",
            ahead.abs()
        );
        self.ahead.store(ahead, Ordering::Relaxed);
        match self.once(audience).await?.0 {
            Answer::Token(token) => Ok(token),
            Answer::Not(error) | Answer::Clock(error) => Err(error),
        }
    }

    async fn once(&self, audience: &Audience) -> Result<(Answer, Reply), TokenError> {
        let form = self.form(audience)?;
        let request = self.caller.post(self.endpoint.clone()).form(&form);
        let limits = Limits {
            time: self.settings.timeout,
            bytes: LONGEST_ANSWER,
        };
        let reply = self.caller.call(request, limits, self.clock.now()).await;
        let reply = reply.map_err(|error| TokenError::Unavailable {
            retry_after: None,
            source: Arc::new(error),
        })?;
        let answer = classify(reply.status, reply.retry_after, &reply.body);
        Ok((answer, reply))
    }

    fn form(&self, audience: &Audience) -> Result<GrantForm, TokenError> {
        let settings = &self.settings;
        let iat = seconds(self.clock.now()) + self.ahead.load(Ordering::Relaxed);
        let claims = GrantClaims {
            aud: settings.issuer.as_str().to_owned(),
            iss: settings.client_id.clone(),
            scope: audience.scope.clone(),
            iat,
            exp: iat + GRANT_SECONDS,
            jti: hex::encode(self.entropy.bytes()),
            resource: settings.resource.clone(),
            consumer_org: audience.consumer.as_ref().map(ToString::to_string),
        };
        let assertion = settings
            .key
            .sign(settings.algorithm, &settings.key_name, &claims)
            .map_err(|_error| TokenError::Signing)?;
        Ok(GrantForm {
            grant_type: GRANT_TYPE.to_owned(),
            assertion,
        })
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}
