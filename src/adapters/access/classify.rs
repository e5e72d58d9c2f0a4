//! What claims that the issuer signed are worth. Pure.

use std::time::Duration;

use serde_json::{Map, Value};

use super::settings::AccessSettings;
use crate::domain::org_number::OrgNumber;
use crate::domain::time::Timestamp;
use crate::ports::access::{Access, Refusal};

/// Two clocks may differ by so much.
const SKEW: Duration = Duration::from_secs(30);

/// The register of organisation numbers in ISO 6523, and how Maskinporten names its form.
const AUTHORITY: &str = "iso6523-actorid-upis";
const PREFIX: &str = "0192:";

/// Who the claims are about, if they are for us and for now.
pub(super) fn read(
    claims: &Value,
    wanted: &AccessSettings,
    now: Timestamp,
) -> Result<Access, Refusal> {
    let claims = claims.as_object().ok_or(Refusal::Claims)?;
    if claims.get("iss").and_then(Value::as_str) != Some(wanted.issuer.as_str()) {
        return Err(Refusal::Issuer);
    }
    times(claims, now)?;
    let is_for_us = |audience: &str| has_audience(claims.get("aud"), audience);
    if !wanted.audience.as_deref().is_none_or(is_for_us) {
        return Err(Refusal::Audience);
    }
    let scopes = claims.get("scope").and_then(Value::as_str);
    let scopes: Vec<&str> = scopes.unwrap_or_default().split_whitespace().collect();
    if !wanted.scope.is_empty() && !scopes.contains(&wanted.scope.as_str()) {
        return Err(Refusal::Scope);
    }
    let consumer = claims.get("consumer").and_then(organisation);
    let supplier = match claims.get("supplier") {
        None => None,
        Some(supplier) => Some(organisation(supplier).ok_or(Refusal::Supplier)?),
    };
    Ok(Access {
        consumer: consumer.ok_or(Refusal::Consumer)?,
        supplier,
        scopes: scopes.into_iter().map(str::to_owned).collect(),
    })
}

fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), Refusal> {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let expires = seconds("exp").ok_or(Refusal::NoExpiry)?;
    let issued = seconds("iat").ok_or(Refusal::NoIssueTime)?;
    let from = match claims.get("nbf") {
        None => None,
        Some(nbf) => Some(nbf.as_f64().ok_or(Refusal::NotBefore)?),
    };
    let (now, skew) = (now.0 as f64 / 1e6, SKEW.as_secs_f64());
    if expires + skew <= now {
        return Err(Refusal::Expired);
    }
    if from.is_some_and(|from| from > now + skew) {
        return Err(Refusal::NotYet);
    }
    if issued > now + skew {
        return Err(Refusal::IssuedAhead);
    }
    Ok(())
}

/// One audience, or a list of them (RFC 7519 section 4.1.3).
fn has_audience(aud: Option<&Value>, wanted: &str) -> bool {
    match aud {
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(wanted)),
        Some(one) => one.as_str() == Some(wanted),
        None => false,
    }
}

fn organisation(value: &Value) -> Option<OrgNumber> {
    if value.get("authority")?.as_str()? != AUTHORITY {
        return None;
    }
    let number = value.get("ID")?.as_str()?.strip_prefix(PREFIX)?;
    OrgNumber::parse(number).ok()
}
