//! What is laid around every page: a time limit, headers that keep it to itself, a line in the log.

use std::any::Any;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::cookie::Cookie;
use super::language;
use super::problem::Problem;
use super::state::PageState;
use crate::domain::kinds::Language;
use crate::telemetry::record;

/// Only what the page needs.
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The outermost layer.
pub(super) async fn around(
    State(state): State<PageState>,
    request: Request,
    next: Next,
) -> Response {
    let clock = &state.deps().clock;
    let began = clock.monotonic();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    };
    let asked = language::asked(request.uri().query());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or("/page", MatchedPath::as_str);
    let limit = state.parts().request_timeout;
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    let mut answer = answer
        .unwrap_or_else(|_elapsed| Problem::Trouble.show(&state, asked.unwrap_or(Language::Nb)));
    dress(&state, &mut answer);
    if let Some(language) = asked {
        let cookie = state.cookies().set(Cookie::Language, language.as_str());
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let took = clock.monotonic().since(began);
    let status = answer.status().as_u16();
    record::http(method, route, status, took);
    tracing::debug!(
        duration_ms = took.as_secs_f64() * 1_000.0,
        "{method} {route} was answered with {status}"
    );
    answer
}

/// A panic becomes a page. What it said may be personal and goes nowhere.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a page of a person failed with a panic");
    let page =
        Html("<!doctype html><html lang=\"nb\"><title>Feil</title><h1>Noe gikk galt hos oss</h1>");
    (StatusCode::INTERNAL_SERVER_ERROR, page).into_response()
}

fn dress(state: &PageState, answer: &mut Response) {
    // Browsers hold a form's redirects against form-action too: logging out ends at the provider.
    let forms = state.parts().provider.origins().join(" ");
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {forms}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(policy);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            PERMISSIONS,
            "camera=(), geolocation=(), microphone=(), payment=()",
        ),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if state.parts().origin.starts_with("https://") {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}
