//! Who asks: an agency, by its API key (R-57, S-4) or a Maskinporten access token.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::around::Course;
use super::limiter::Subject;
use super::problem::ApiProblem;
use super::state::ApiState;
use crate::domain::ids::AgencyNo;
use crate::domain::org_number::OrgNumber;
use crate::pipeline::deps::Agency;
use crate::ports::access::{AccessError, Refusal, TokenChecker};
use crate::ports::clock::Monotonic;

/// A key is taken for valid so long without asking the store: it is revoked within 5 s (S-4).
const TRUSTED_FOR: Duration = Duration::from_millis(4_500);
/// Above so many remembered keys the outdated ones are dropped.
const REMEMBERED: usize = 1_024;

const MISSING: &str =
    "give the agency's API key or access token as `Authorization: Bearer <key or token>`";
const WRONG: &str = "the API key is not valid, or it is no longer";

/// Valid keys, by their SHA-256, and when the store was asked. What is not valid is not kept.
#[derive(Debug, Default)]
pub(super) struct KeyCache(Mutex<HashMap<[u8; 32], (AgencyNo, Monotonic)>>);

impl KeyCache {
    fn get(&self, hash: &[u8; 32], now: Monotonic) -> Option<AgencyNo> {
        let keys = self.0.lock();
        let (agency, asked) = keys.get(hash)?;
        (now.since(*asked) < TRUSTED_FOR).then_some(*agency)
    }

    fn put(&self, hash: [u8; 32], agency: AgencyNo, asked: Monotonic) {
        let mut keys = self.0.lock();
        if keys.len() >= REMEMBERED {
            keys.retain(|_, (_, then)| asked.since(*then) < TRUSTED_FOR);
        }
        keys.insert(hash, (agency, asked));
    }
}

/// The agency that asks.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) Arc<Agency>);

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiProblem> {
        let given = bearer(&parts.headers).ok_or_else(|| ApiProblem::unauthenticated(MISSING))?;
        let peer = peer(parts);
        let (agency, supplier) = match state.tokens() {
            Some(tokens) if looks_like_token(given) => by_token(state, tokens, given, peer).await?,
            Some(_) | None => (by_key(state, given, peer).await?, None),
        };
        if let Some(course) = parts.extensions.get::<Arc<Course>>() {
            course.came_from(&agency);
            if let Some(supplier) = supplier {
                course.came_through(supplier);
            }
        }
        Ok(Self(agency))
    }
}

/// An access token begins like every JSON object in base64, or has dots; an API key does neither.
fn looks_like_token(given: &str) -> bool {
    given.starts_with("eyJ") || given.contains('.')
}

async fn by_key(
    state: &ApiState,
    key: &str,
    peer: Option<IpAddr>,
) -> Result<Arc<Agency>, ApiProblem> {
    let hash: [u8; 32] = Sha256::digest(key).into();
    let agency = owner(state, hash, peer).await?;
    state
        .limiter()
        .check(Subject::Key(hash))
        .map_err(ApiProblem::too_many)?;
    let agency = state.deps().directory.by_no(agency);
    let agency = agency.ok_or_else(|| ApiProblem::unauthenticated(WRONG))?;
    Ok(Arc::clone(agency))
}

/// The agency whose organisation number the token's consumer has, and who supplied it. Whoever
/// tries tokens is slowed down like whoever tries keys.
async fn by_token(
    state: &ApiState,
    tokens: &dyn TokenChecker,
    token: &str,
    peer: Option<IpAddr>,
) -> Result<(Arc<Agency>, Option<OrgNumber>), ApiProblem> {
    let found = tokens.check(token).await.and_then(|access| {
        let agency = state.deps().directory.by_org(&access.consumer);
        let agency = agency.ok_or(Refusal::NoAgency)?;
        Ok((Arc::clone(agency), access.supplier))
    });
    let limiter = state.limiter();
    match found {
        Ok((agency, supplier)) => {
            limiter
                .check(Subject::Agency(agency.no))
                .map_err(ApiProblem::too_many)?;
            Ok((agency, supplier))
        }
        Err(error) => {
            limiter
                .check(Subject::client(peer))
                .map_err(ApiProblem::too_many)?;
            Err(match error {
                AccessError::Refused(refusal) => {
                    tracing::info!(problem = %refusal, "an access token was refused");
                    ApiProblem::refused_token(refusal, tokens.scope())
                }
                // The adapter has told why.
                AccessError::Unavailable(_) => ApiProblem::issuer_away(),
            })
        }
    }
}

/// Whose key it is. The store is asked no more often than a client may come.
async fn owner(
    state: &ApiState,
    hash: [u8; 32],
    peer: Option<IpAddr>,
) -> Result<AgencyNo, ApiProblem> {
    let asked = state.deps().clock.monotonic();
    if let Some(agency) = state.keys().get(&hash, asked) {
        return Ok(agency);
    }
    state
        .limiter()
        .check(Subject::client(peer))
        .map_err(ApiProblem::too_many)?;
    let owner = state.deps().store.key_owner(hash).await?;
    let agency = owner.ok_or_else(|| ApiProblem::unauthenticated(WRONG))?;
    state.keys().put(hash, agency, asked);
    Ok(agency)
}

/// The token of `Authorization: Bearer …`; `None` also when there are several such headers.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (first, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The address of the other side.
pub(super) fn peer(parts: &Parts) -> Option<IpAddr> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(info.0.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_trusted_for_less_than_five_seconds() {
        let (cache, asked) = (KeyCache::default(), Monotonic(7));
        cache.put([1; 32], AgencyNo(3), asked);
        let after = |ms| cache.get(&[1; 32], asked.plus(Duration::from_millis(ms)));
        assert_eq!(after(4_000), Some(AgencyNo(3)));
        assert_eq!(after(5_000), None);
        assert_eq!(cache.get(&[2; 32], asked), None);
    }

    #[test]
    fn only_one_bearer_token_is_read() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc "]).as_deref(), Some("abc"));
        for bad in [
            &["abc"][..],
            &["Basic abc"],
            &["Bearer "],
            &["Bearer a", "Bearer b"],
            &[],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
