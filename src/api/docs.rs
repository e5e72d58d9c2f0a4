//! The readable page, made of the description alone: no script, nothing from elsewhere.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::response::Redirect;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde_json::Value;

use super::problem::{ApiProblem, KINDS};

/// Goes with the page.
pub(super) const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "max-age=300"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
];

const PAGE: &str = include_str!("docs.html");

/// The page of a description.
pub(super) fn page(document: &str) -> String {
    let api: Value = serde_json::from_str(document).unwrap_or_default();
    let api = minijinja::Value::from(Serde(&api));
    let kinds: Vec<Value> = KINDS
        .iter()
        .map(|kind| serde_json::json!({"slug": kind.slug, "title": kind.title, "meaning": kind.meaning}))
        .collect();
    let kinds = minijinja::Value::from(Serde(&kinds));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    let page = environment.render_str(PAGE, context! { api, kinds });
    page.unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "cannot make the page /docs"
        );
        "<!doctype html><title>budstikke</title><p>See <a href=\"/openapi.json\">/openapi.json</a>."
            .to_owned()
    })
}

/// Leads from the `type` of a problem to what it means.
pub(super) async fn kind(Path(slug): Path<String>) -> Result<Redirect, ApiProblem> {
    if KINDS.iter().any(|kind| kind.slug == slug) {
        Ok(Redirect::to(&format!("/docs#problem-{slug}")))
    } else {
        Err(ApiProblem::of_status(StatusCode::NOT_FOUND))
    }
}
