//! What the provider says of itself, and its keys: fetched when first needed, again after a day, and
//! when a signature does not fit (at most once a minute).

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::wire::{Discovery, IdClaims};
use crate::adapters::https::caller::{Caller, Limits};
use crate::adapters::jose::wire::{KeySet, RsaAlgorithm, VerifyError};
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::login::LoginError;

/// ID-porten asks its clients to look again every day (`domain.md` 3).
const OLD: Duration = Duration::from_hours(24);
/// A signature that does not fit is no reason to ask more often than this.
const PAUSE: Duration = Duration::from_secs(60);
/// More of an answer than this is not read, in bytes.
const LONGEST: usize = 256 * 1024;

/// The provider as it described itself.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) pushed: Option<Url>,
    pub(super) end_session: Option<Url>,
    /// Its answers name it (RFC 9207).
    pub(super) names_itself: bool,
    keys: KeySet,
}

/// Fetches and keeps it.
#[derive(Debug)]
pub(super) struct Metadata {
    issuer: String,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    known: tokio::sync::Mutex<Option<(Arc<Known>, Monotonic)>>,
}

impl Metadata {
    pub(super) fn new(issuer: String, timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            timeout,
            clock,
            known: tokio::sync::Mutex::default(),
        }
    }

    /// What is known; fetched if that is nothing, or a day old.
    pub(super) async fn known(&self, caller: &Caller) -> Result<Arc<Known>, LoginError> {
        self.younger(caller, OLD).await
    }

    /// What is known, without asking anybody.
    pub(super) fn at_hand(&self) -> Option<Arc<Known>> {
        let known = self.known.try_lock().ok()?;
        known.as_ref().map(|(known, _)| Arc::clone(known))
    }

    /// The claims of an ID token, if the provider signed it with RS256.
    pub(super) async fn open(&self, caller: &Caller, token: &str) -> Result<IdClaims, LoginError> {
        let known = self.known(caller).await?;
        match known.keys.verify_as(&[RsaAlgorithm::Rs256], token) {
            Ok(claims) => return Ok(claims),
            // It may have new keys.
            Err(VerifyError::UnknownKey | VerifyError::Signature) => {}
            Err(VerifyError::Algorithm) => {
                return Err(LoginError::Unbelievable("it is not signed with RS256"));
            }
            Err(VerifyError::Shape | VerifyError::Payload) => {
                return Err(LoginError::Unbelievable("it is no ID token"));
            }
        }
        let known = self.younger(caller, PAUSE).await?;
        let claims = known.keys.verify_as(&[RsaAlgorithm::Rs256], token);
        claims.map_err(|_bad| LoginError::Unbelievable("its signature does not fit"))
    }

    async fn younger(&self, caller: &Caller, than: Duration) -> Result<Arc<Known>, LoginError> {
        let mut known = self.known.lock().await;
        let now = self.clock.monotonic();
        if let Some((known, at)) = &*known
            && now.since(*at) < than
        {
            return Ok(Arc::clone(known));
        }
        let fresh = Arc::new(self.fetch(caller).await?);
        *known = Some((Arc::clone(&fresh), now));
        Ok(fresh)
    }

    async fn fetch(&self, caller: &Caller) -> Result<Known, LoginError> {
        let at = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let at = url(&at, &self.issuer)?;
        let found = self.get(caller, at).await?;
        let found: Discovery = serde_json::from_slice(&found).map_err(|_bad| {
            LoginError::Refused(
                "its discovery document cannot be read; check page.idporten.issuer".into(),
            )
        })?;
        check(&found, &self.issuer)?;
        let keys = self
            .get(caller, url(&found.jwks_uri, &self.issuer)?)
            .await?;
        let keys = KeySet::parse(&keys)
            .map_err(|problem| LoginError::Refused(format!("its key set {problem}")))?;
        let optional = |text: &Option<String>| {
            text.as_deref()
                .map(|text| url(text, &self.issuer))
                .transpose()
        };
        Ok(Known {
            authorization: url(&found.authorization_endpoint, &self.issuer)?,
            token: url(&found.token_endpoint, &self.issuer)?,
            pushed: optional(&found.pushed_authorization_request_endpoint)?,
            end_session: optional(&found.end_session_endpoint)?,
            names_itself: found.authorization_response_iss_parameter_supported,
            keys,
        })
    }

    async fn get(&self, caller: &Caller, at: Url) -> Result<bytes::Bytes, LoginError> {
        let limits = Limits {
            time: self.timeout,
            bytes: LONGEST,
        };
        let reply = caller.call(caller.get(at), limits, self.clock.now()).await;
        let reply = reply.map_err(|error| LoginError::Unavailable(Box::new(error)))?;
        match reply.status {
            200 => Ok(reply.body),
            status @ (408 | 429 | 500..) => {
                Err(LoginError::Unavailable(format!("HTTP {status}").into()))
            }
            status => Err(LoginError::Refused(format!(
                "HTTP {status} for its description of itself or its keys; check page.idporten.issuer"
            ))),
        }
    }
}

/// What a description must say (OpenID Connect Discovery 4.3, RFC 8414 section 3.3).
fn check(found: &Discovery, issuer: &str) -> Result<(), LoginError> {
    let has = |list: &Option<Vec<String>>, word: &str| {
        list.as_ref()
            .is_none_or(|list| list.iter().any(|one| one == word))
    };
    let problem = if found.issuer != issuer {
        "it calls itself by another name than page.idporten.issuer; write that exactly as it does"
    } else if !has(&found.code_challenge_methods_supported, "S256") {
        "it does not offer PKCE with S256"
    } else if !has(&found.id_token_signing_alg_values_supported, "RS256") {
        "it does not sign with RS256"
    } else {
        return Ok(());
    };
    Err(LoginError::Refused(problem.to_owned()))
}

/// A place of the provider: encrypted, unless the issuer is a provider on this machine.
fn url(text: &str, issuer: &str) -> Result<Url, LoginError> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| url.scheme() == "https" || issuer.starts_with("http://"));
    url.ok_or_else(|| LoginError::Refused("it names a place that is no https URL".to_owned()))
}
