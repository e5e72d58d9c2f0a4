//! Who is asking: the person of the session that the cookie names.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use super::cookie::Cookie;
use super::problem::Problem;
use super::state::PageState;
use crate::domain::person::PersonNumber;
use crate::ports::login::LoggedIn;
use crate::ports::store::{NewSession, StoreError};

/// The digest of some texts that cannot be mistaken for others.
pub(super) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A session's id as the store knows it.
fn stored(secret: &str) -> [u8; 32] {
    digest(&["session", secret])
}

/// The provider's session as the store knows it.
pub(super) fn provider_session(issuer: &str, sid: &str) -> [u8; 32] {
    digest(&["provider", issuer, sid])
}

/// The person who is logged in.
pub(super) struct Visitor {
    /// What the cookie holds; nobody else knows it.
    secret: String,
    /// The session's id in the store.
    pub(super) session: [u8; 32],
    /// Who.
    pub(super) person: PersonNumber,
    /// For the provider, when the person logs out.
    pub(super) id_token: String,
}

impl Visitor {
    /// What every form of this session holds.
    pub(super) fn token(&self) -> String {
        hex::encode(digest(&["form", &self.secret]))
    }

    /// A digest of a code that nobody can find the code from without the cookie.
    pub(super) fn code_digest(&self, channel: &str, code: &str) -> [u8; 32] {
        digest(&["code", &self.secret, channel, code])
    }

    /// The visitor of a request, if somebody is logged in.
    pub(super) async fn of(
        state: &PageState,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, StoreError> {
        let Some(secret) = state.cookies().read(headers, Cookie::Session) else {
            return Ok(None);
        };
        let session = stored(&secret);
        let store = &state.deps().store;
        let found = store.session(session, state.now()).await?;
        Ok(found.map(|found| Self {
            secret,
            session,
            person: found.person,
            id_token: found.id_token,
        }))
    }
}

impl FromRequestParts<PageState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, Response> {
        match Self::of(state, &parts.headers).await {
            Ok(Some(visitor)) => Ok(visitor),
            Ok(None) => Err(super::login::again(state)),
            Err(error) => Err(Problem::from(error).show_for(parts, state).await),
        }
    }
}

/// Begins a session, always under a new id, and gives the secret for the cookie.
pub(super) async fn begin(state: &PageState, logged_in: LoggedIn) -> Result<String, StoreError> {
    let secret = hex::encode(state.deps().entropy.bytes());
    let issuer = state.parts().provider.issuer();
    let provider = logged_in.session.as_deref();
    let session = NewSession {
        id: stored(&secret),
        provider_session: provider.map(|sid| provider_session(issuer, sid)),
        person: logged_in.person,
        id_token: logged_in.id_token,
        at: state.now(),
    };
    state.deps().store.put_session(session).await?;
    Ok(secret)
}

/// Ends the session of a request, if there is one.
pub(super) async fn end(state: &PageState, headers: &HeaderMap) -> Result<(), StoreError> {
    match state.cookies().read(headers, Cookie::Session) {
        Some(secret) => state.deps().store.end_session(stored(&secret)).await,
        None => Ok(()),
    }
}
