//! Who is let in, and what they are shown.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::answers::Refused;
use crate::domain::krr_shown::{CHANGES_SCOPE, Groups};
use crate::domain::org_number::OrgNumber;
use crate::ports::access::{AccessError, TokenChecker};

/// Who is let in.
#[derive(Debug)]
pub enum Admission {
    /// Whoever can connect, and is shown everything: for loopback only.
    Anybody,
    /// Holders of an access token, who are shown what its scopes give.
    Tokens(Arc<dyn TokenChecker>),
}

/// Somebody who was let in.
#[derive(Debug)]
pub(super) struct Caller {
    /// What a look-up shows them.
    pub(super) groups: Groups,
    pub(super) may_see_changes: bool,
}

impl Admission {
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Refused> {
        let checker = match self {
            Self::Anybody => {
                return Ok(Caller {
                    groups: Groups::ALL,
                    may_see_changes: true,
                });
            }
            Self::Tokens(checker) => checker,
        };
        let token = bearer(headers).ok_or_else(|| {
            let missing = "give an access token as `Authorization: Bearer <token>`";
            Refused::Token(missing.to_owned())
        })?;
        let access = checker.check(token).await.map_err(|error| match error {
            AccessError::Refused(refusal) => Refused::Token(refusal.to_string()),
            AccessError::Unavailable(_) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nobody who is not known yet is let in to the register"
                );
                Refused::Unavailable
            }
        })?;
        tracing::debug!(
            consumer = access.consumer.as_str(),
            supplier = access.supplier.as_ref().map(OrgNumber::as_str),
            "{} asks the register",
            access.consumer.as_str()
        );
        let scopes = || access.scopes.iter().map(String::as_str);
        Ok(Caller {
            groups: Groups::of_scopes(scopes()),
            may_see_changes: scopes().any(|scope| scope == CHANGES_SCOPE),
        })
    }
}

/// The token of `Authorization: Bearer …`; `None` also when there are several such headers.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (first, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
