//! What the fake does with one request: the checks of `domain.md` 2.1 in its order of codes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, State};
use axum::http::header::{DATE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::clients::{Client, ClientKey, Clients};
use super::issuer::{Issuer, access_claims, organisation};
use super::knobs::{MaskinportenKnobs, TokenFault};
use super::tokens::Tokens;
use crate::adapters::jose::wire::{RsaAlgorithm, VerifyError};
use crate::adapters::maskinporten::wire::{
    ErrorReply, GRANT_TYPE, GrantClaims, GrantForm, LONGEST_GRANT, TokenReply,
};
use crate::sandbox::connection::Grip;
use crate::sandbox::wall;

/// `iat` may be off by so much, in seconds.
const TOLERATED: i64 = 10;

/// The organisation of every client.
const OWN_ORGANISATION: &str = "991825827";

/// What all requests share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) issuer: Arc<str>,
    pub(super) clients: Arc<Clients>,
    pub(super) tokens: Tokens,
    pub(super) keys: Issuer,
    pub(super) knobs: Arc<RwLock<MaskinportenKnobs>>,
    pub(super) requests: Arc<AtomicU64>,
    pub(super) key_requests: Arc<AtomicU64>,
    pub(super) granted: Arc<AtomicU64>,
    pub(super) seen: Arc<Mutex<HashSet<String>>>,
    pub(super) closing: CancellationToken,
}

/// A refusal's code and word.
type Refusal = (&'static str, &'static str);

/// `POST /token`.
pub(super) async fn token(
    State(shared): State<Shared>,
    ConnectInfo(grip): ConnectInfo<Grip>,
    form: Result<Form<GrantForm>, FormRejection>,
) -> Response {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let (knobs, fault) = {
        let mut knobs = shared.knobs.write();
        let fault = knobs.next.pop_front();
        (knobs.clone(), fault)
    };
    if !knobs.latency.is_zero() {
        tokio::time::sleep(knobs.latency).await;
    }
    let mut response = match fault {
        Some(fault) => shared.misbehave(fault, &grip).await,
        None => match form {
            Ok(Form(form)) => match shared.grant(&form, &knobs) {
                Ok(reply) => Json(reply).into_response(),
                Err((code, word)) => refused(code, word),
            },
            Err(_unreadable) => refused("MP-011", "invalid_request"),
        },
    };
    let date = wall::now().as_second() + knobs.clock_ahead;
    let date = jiff::Timestamp::from_second(date).unwrap_or_default();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date);
    if let Ok(Ok(date)) = date.map(|date| HeaderValue::from_str(&date)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// `GET /jwk`.
pub(super) async fn key_set(
    State(shared): State<Shared>,
    ConnectInfo(grip): ConnectInfo<Grip>,
) -> Response {
    shared.key_requests.fetch_add(1, Ordering::Relaxed);
    let fault = shared.knobs.read().keys.clone();
    if let Some(fault) = fault {
        return shared.misbehave(fault, &grip).await;
    }
    match shared.keys.key_set() {
        Ok(set) => Json(set).into_response(),
        Err(_failed) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn refused(code: &str, word: &str) -> Response {
    let reply = ErrorReply {
        error: word.to_owned(),
        error_description: Some(format!("Refused. (correlation_id: sandbox, {code})")),
        error_uri: Some(format!("https://docs.digdir.no/docs/Maskinporten/{code}")),
    };
    (StatusCode::BAD_REQUEST, Json(reply)).into_response()
}

fn later(status: StatusCode, wait: Option<Duration>) -> Response {
    let mut response = status.into_response();
    if let Some(wait) = wait {
        response
            .headers_mut()
            .insert(RETRY_AFTER, wait.as_secs().into());
    }
    response
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    x5c: Option<Vec<String>>,
}

/// One part of the compact form, unchecked.
fn part<T: for<'de> Deserialize<'de>>(jws: &str, at: usize) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(jws.split('.').nth(at)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl Shared {
    async fn misbehave(&self, fault: TokenFault, grip: &Grip) -> Response {
        match fault {
            TokenFault::Error500 => later(StatusCode::INTERNAL_SERVER_ERROR, None),
            TokenFault::Unavailable503(wait) => later(StatusCode::SERVICE_UNAVAILABLE, wait),
            TokenFault::TooMany429(wait) => later(StatusCode::TOO_MANY_REQUESTS, wait),
            TokenFault::Page200 => "<html>maintenance</html>".into_response(),
            TokenFault::Hang => {
                self.closing.cancelled().await;
                grip.reset();
                StatusCode::OK.into_response()
            }
            TokenFault::Reset => {
                grip.reset();
                StatusCode::OK.into_response()
            }
            TokenFault::Refused(code) => refused(&code, "invalid_grant"),
        }
    }

    fn grant(&self, form: &GrantForm, knobs: &MaskinportenKnobs) -> Result<TokenReply, Refusal> {
        if form.grant_type != GRANT_TYPE {
            return Err(("MP-011", "unsupported_grant_type"));
        }
        let claims = match &*self.clients {
            Clients::Anybody => {
                part::<GrantClaims>(&form.assertion, 1).ok_or(("MP-011", "invalid_request"))?
            }
            Clients::Registered(clients) => Self::verified(clients, &form.assertion)?,
        };
        self.check(&claims, knobs)?;
        let scopes = match &knobs.grants {
            Some(instead) => instead.clone(),
            None => claims.scope.split_whitespace().map(str::to_owned).collect(),
        };
        self.granted.fetch_add(1, Ordering::Relaxed);
        let scope = scopes.join(" ");
        let token = self
            .access_token(&claims, &scope, knobs)
            .map_err(|_failed| ("MP-900", "server_error"))?;
        self.tokens.issue(
            token.clone(),
            claims.iss,
            claims.consumer_org,
            scopes,
            claims.resource,
            knobs.life,
        );
        Ok(TokenReply {
            access_token: token,
            expires_in: knobs.life.as_secs(),
            scope: Some(scope),
        })
    }

    /// The token itself: signed, for the one whom the client acts for, or for the client's own
    /// organisation.
    fn access_token(
        &self,
        claims: &GrantClaims,
        scope: &str,
        knobs: &MaskinportenKnobs,
    ) -> std::io::Result<String> {
        let consumer = claims.consumer_org.as_deref().unwrap_or(OWN_ORGANISATION);
        let mut token = access_claims(&self.issuer, consumer, scope);
        let now = wall::now().as_second() + knobs.clock_ahead;
        token["client_id"] = claims.iss.clone().into();
        token["iat"] = now.into();
        token["exp"] = (now + i64::try_from(knobs.life.as_secs()).unwrap_or(i64::MAX / 2)).into();
        if let Some(resource) = &claims.resource {
            token["aud"] = resource.clone().into();
        }
        if claims.consumer_org.is_some() {
            token["supplier"] = organisation(OWN_ORGANISATION);
            token["delegation_source"] = "https://altinn.no".into();
        }
        self.keys.sign(RsaAlgorithm::Rs256, &token)
    }

    /// The claims, if their client signed them and may have what it asks for.
    fn verified(clients: &[Client], assertion: &str) -> Result<GrantClaims, Refusal> {
        let unreadable = ("MP-011", "invalid_request");
        let header: Header = part(assertion, 0).ok_or(unreadable)?;
        let claimed: GrantClaims = part(assertion, 1).ok_or(unreadable)?;
        let client = clients.iter().find(|client| client.id == claimed.iss);
        let client = client.ok_or(("MP-100", "invalid_client"))?;
        if !["RS256", "RS384", "RS512"].contains(&header.alg.as_str()) {
            return Err(("MP-124", "invalid_grant"));
        }
        match (&client.key, header.kid, header.x5c) {
            (ClientKey::Kid(known, _), Some(kid), None) if *known == kid => {}
            (ClientKey::Kid(..), Some(_), None) => return Err(("MP-121", "invalid_grant")),
            (ClientKey::Certificate(known, _), None, Some(chain))
                if chain.first() == Some(known) => {}
            (ClientKey::Certificate(..), None, Some(_)) => {
                return Err(("MP-123", "invalid_grant"));
            }
            // Exactly one of kid and x5c.
            (ClientKey::Kid(..) | ClientKey::Certificate(..), _, _) => {
                return Err(("MP-011", "invalid_request"));
            }
        }
        let claims = client.key.set().verify::<GrantClaims>(assertion);
        let claims = claims.map_err(|error| match error {
            VerifyError::Shape | VerifyError::Payload => unreadable,
            VerifyError::Algorithm | VerifyError::UnknownKey | VerifyError::Signature => {
                ("MP-124", "invalid_grant")
            }
        })?;
        if client.is_trusted {
            return Ok(claims);
        }
        let allowed = match &claims.consumer_org {
            None => Some(&client.scopes),
            Some(organisation) => client.delegated.get(organisation),
        };
        let allowed = allowed.ok_or(("MP-251", "invalid_scope"))?;
        match claims
            .scope
            .split_whitespace()
            .all(|one| allowed.contains(one))
        {
            true => Ok(claims),
            false if claims.consumer_org.is_some() => Err(("MP-251", "invalid_scope")),
            false => Err(("MP-250", "invalid_scope")),
        }
    }

    fn check(&self, claims: &GrantClaims, knobs: &MaskinportenKnobs) -> Result<(), Refusal> {
        let now = wall::now().as_second() + knobs.clock_ahead;
        if claims.aud != *self.issuer {
            return Err(("MP-110", "invalid_grant"));
        }
        if claims.scope.trim().is_empty() {
            return Err(("MP-200", "invalid_scope"));
        }
        let early = claims.iat > now + TOLERATED;
        let late = claims.exp + TOLERATED <= now || claims.iat < now - LONGEST_GRANT - TOLERATED;
        if early || late || claims.exp - claims.iat > LONGEST_GRANT {
            return Err(("MP-130", "invalid_grant"));
        }
        if !self.seen.lock().insert(claims.jti.clone()) {
            return Err(("MP-012", "invalid_grant"));
        }
        Ok(())
    }
}
