//! What must hold before an ID token is believed (OpenID Connect Core 3.1.3.7). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::wire::{Audience, IdClaims};
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;
use crate::ports::login::LoginError;

/// Clocks may be apart by so many seconds.
const TOLERATED: i64 = 10;
/// A token for a person who just came back is not older than so many seconds.
const OLDEST: i64 = 600;
/// ID-porten's levels, the lowest first.
const LEVELS: [&str; 3] = [
    "idporten-loa-low",
    "idporten-loa-substantial",
    "idporten-loa-high",
];

/// What a token must fit to.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) acr: &'a str,
    pub(super) access_token: &'a str,
    pub(super) now: Timestamp,
}

/// Who the person is, if the claims (of a token that is well signed) hold for this log-in.
pub(super) fn believe(
    claims: &IdClaims,
    expected: &Expected<'_>,
) -> Result<PersonNumber, LoginError> {
    let now = expected.now.0.div_euclid(1_000_000);
    let is_ours = match &claims.aud {
        Audience::One(one) => one == expected.client_id,
        // Whoever else it is for could have been given it, and could give it to us.
        Audience::Several(all) => matches!(all.as_slice(), [one] if one == expected.client_id),
    };
    let azp = claims.azp.as_deref();
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    let rules = [
        (claims.iss == expected.issuer, "iss is not the issuer"),
        (is_ours, "aud is not our client alone"),
        (
            azp.is_none_or(|azp| azp == expected.client_id),
            "azp is not our client",
        ),
        (
            !claims.sub.is_empty() && claims.sub.len() <= 255,
            "sub is missing",
        ),
        (claims.exp > now - TOLERATED, "exp is past"),
        (claims.iat <= now + TOLERATED, "iat is in the future"),
        (claims.iat >= now - OLDEST, "iat is long ago"),
        (claims.exp > claims.iat, "exp is not after iat"),
        (
            bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())),
            "nonce is not that of this log-in",
        ),
        (
            claims
                .at_hash
                .as_deref()
                .is_none_or(|hash| hash == at_hash(expected.access_token)),
            "at_hash does not fit the access token",
        ),
    ];
    if let Some((_, rule)) = rules.into_iter().find(|(holds, _)| !holds) {
        return Err(LoginError::Unbelievable(rule));
    }
    let level = |acr: &str| LEVELS.iter().position(|level| *level == acr);
    let reached = claims.acr.as_deref().and_then(level);
    if reached.is_none() || reached < level(expected.acr) {
        return Err(LoginError::TooWeak);
    }
    let pid = claims.pid.as_deref().ok_or(LoginError::NoNumber)?;
    PersonNumber::parse(pid).map_err(|_wrong| LoginError::NoNumber)
}

/// The left half of the token's digest.
pub(super) fn at_hash(access_token: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(access_token).into();
    let (left, _) = digest.split_at(16);
    URL_SAFE_NO_PAD.encode(left)
}
