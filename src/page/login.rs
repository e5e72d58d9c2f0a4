//! Logging in, and out, here and at the provider.
//!
//! Of a log-in that is under way nothing is kept here: a secret in the browser's cookie says which
//! `state`, `nonce` and PKCE verifier belong to it.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, SET_COOKIE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minijinja::context;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::cookie::Cookie;
use super::language::Shown;
use super::problem::Problem;
use super::session::{self, Visitor, digest, provider_session};
use super::state::PageState;
use super::submitted::Submitted;
use super::views::Template;
use crate::domain::kinds::Language;
use crate::ports::login::{Attempt, LoginError, Returned};

/// A provider's names of sessions are no longer than this.
const LONGEST_SID: usize = 200;

/// The attempt that a browser's secret stands for.
fn attempt(secret: &str, language: Language) -> Attempt {
    let part = |word: &str| URL_SAFE_NO_PAD.encode(digest(&["login", word, secret]));
    Attempt {
        state: part("state"),
        nonce: part("nonce"),
        verifier: part("verifier"),
        language: language.as_str(),
    }
}

/// Nobody is logged in (any more): to the page where one begins.
pub(super) fn again(state: &PageState) -> Response {
    let mut response = Redirect::to("/page/?over=1").into_response();
    let gone = state.cookies().clear(Cookie::Session);
    response.headers_mut().append(SET_COOKIE, gone);
    response
}

/// `GET /page/`
pub(super) async fn start(
    State(state): State<PageState>,
    Shown(language): Shown,
    Query(query): Query<StartQuery>,
    headers: HeaderMap,
) -> Response {
    match Visitor::of(&state, &headers).await {
        Ok(Some(_)) => return Redirect::to("/page/me").into_response(),
        Ok(None) => {}
        Err(error) => return Problem::from(error).show(&state, language),
    }
    let over = query.over.is_some();
    let local = state.is_local();
    state
        .views()
        .ok(Template::Start, language, context! { over, local })
}

/// What the page where one begins may be told.
#[derive(Deserialize)]
pub(super) struct StartQuery {
    over: Option<String>,
}

/// `GET /page/login`
pub(super) async fn log_in(State(state): State<PageState>, Shown(language): Shown) -> Response {
    let Ok(_turn) = state.logins().try_acquire() else {
        return Problem::NoLogin.show(&state, language);
    };
    let secret = hex::encode(state.deps().entropy.bytes());
    let attempt = attempt(&secret, language);
    match state.parts().provider.begin(&attempt).await {
        Ok(to) => {
            let mut response = Redirect::to(&to).into_response();
            let cookie = state.cookies().set(Cookie::Login, &secret);
            response.headers_mut().append(SET_COOKIE, cookie);
            response
        }
        Err(error) => Problem::from(error).show(&state, language),
    }
}

/// What the provider sends the browser back with.
#[derive(Deserialize)]
pub(super) struct BackQuery {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /page/callback`
pub(super) async fn come_back(
    State(state): State<PageState>,
    Shown(language): Shown,
    Query(query): Query<BackQuery>,
    headers: HeaderMap,
) -> Response {
    let mut response = match finish(&state, language, query, &headers).await {
        Ok(secret) => {
            let mut response = Redirect::to("/page/me").into_response();
            let cookie = state.cookies().set(Cookie::Session, &secret);
            response.headers_mut().append(SET_COOKIE, cookie);
            response
        }
        Err(problem) => problem.show(&state, language),
    };
    // An attempt is made once, whatever becomes of it.
    let used = state.cookies().clear(Cookie::Login);
    response.headers_mut().append(SET_COOKIE, used);
    response
}

async fn finish(
    state: &PageState,
    language: Language,
    query: BackQuery,
    headers: &HeaderMap,
) -> Result<String, Problem> {
    let secret = state.cookies().read(headers, Cookie::Login);
    let secret = secret.ok_or(LoginError::Over("there is no attempt in this browser"))?;
    let attempt = attempt(&secret, language);
    let given = query.state.unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(attempt.state.as_bytes())) {
        return Err(LoginError::Over("the answer is to another attempt").into());
    }
    let _turn = state
        .logins()
        .try_acquire()
        .map_err(|_full| Problem::NoLogin)?;
    let returned = Returned {
        code: query.code,
        issuer: query.iss,
        error: query.error,
    };
    let logged_in = state.parts().provider.finish(&attempt, &returned).await?;
    if logged_in.person.is_synthetic() != state.deps().policy.allow_synthetic {
        return Err(LoginError::NoNumber.into());
    }
    // Whoever was logged in in this browser before is not any more.
    session::end(state, headers).await?;
    Ok(session::begin(state, logged_in).await?)
}

/// `POST /page/logout`
pub(super) async fn log_out(
    State(state): State<PageState>,
    Shown(language): Shown,
    submitted: Submitted,
) -> Response {
    let visitor = submitted.visitor;
    if let Err(error) = state.deps().store.end_session(visitor.session).await {
        return Problem::from(error).show(&state, language);
    }
    let after = hex::encode(state.deps().entropy.bytes());
    let provider = &state.parts().provider;
    let to = match provider.end(&visitor.id_token, &after).await {
        Ok(to) => to.unwrap_or_else(|| "/page/logged-out".to_owned()),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "somebody is logged out here, but not at the provider"
            );
            "/page/logged-out?here=1".to_owned()
        }
    };
    let mut response = Redirect::to(&to).into_response();
    let gone = state.cookies().clear(Cookie::Session);
    response.headers_mut().append(SET_COOKIE, gone);
    response
}

/// Whether the provider's own session may live on.
#[derive(Deserialize)]
pub(super) struct OutQuery {
    here: Option<String>,
}

/// `GET /page/logged-out`
pub(super) async fn logged_out(
    State(state): State<PageState>,
    Shown(language): Shown,
    Query(query): Query<OutQuery>,
) -> Response {
    let only_here = query.here.is_some();
    state
        .views()
        .ok(Template::LoggedOut, language, context! { only_here })
}

/// Whose session the provider says is over.
#[derive(Deserialize)]
pub(super) struct FrontQuery {
    iss: Option<String>,
    sid: Option<String>,
}

/// `GET /page/frontchannel-logout`: the provider shows it in a frame, mostly without our cookies.
pub(super) async fn front_channel(
    State(state): State<PageState>,
    Shown(language): Shown,
    Query(query): Query<FrontQuery>,
) -> Response {
    let provider = &state.parts().provider;
    let sid = query.sid.filter(|sid| sid.len() <= LONGEST_SID);
    if let (Some(iss), Some(sid)) = (&query.iss, &sid)
        && iss == provider.issuer()
    {
        let ended = provider_session(iss, sid);
        if let Err(error) = state.deps().store.end_provider_session(ended).await {
            return Problem::from(error).show(&state, language);
        }
    }
    let mut response = Html("<!doctype html><title>OK</title>").into_response();
    let frames = format!(
        "default-src 'none'; frame-ancestors {}",
        provider.origins().join(" ")
    );
    if let Ok(frames) = HeaderValue::from_str(&frames) {
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, frames);
    }
    response
}
