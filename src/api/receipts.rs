//! Delivery reports, in each gateway's own format.
//!
//! Whoever has the gateway's token is believed, but only about that gateway's messages, and is never
//! held back; whoever has not is counted. What is reported about nothing known is taken like the
//! rest, so that nobody can ask here what exists.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use super::around::Course;
use super::auth::{bearer, peer};
use super::body;
use super::limiter::Subject;
use super::problem::{ApiProblem, ProblemBody};
use super::query::Query;
use super::state::{ApiState, ReceiptSource};

/// The longest report, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// What proxies add: whoever is behind one does not sit at this machine.
const FORWARDED: [HeaderName; 3] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// Report deliveries
///
/// For gateways, in each one's own format. The token is the gateway's `receipt_token`; without one
/// configured, reports are accepted from the same machine only.
#[utoipa::path(
    post, path = "/v1/receipts/{gateway}", tag = "gateways", operation_id = "reportReceipts",
    params(
        ("gateway" = String, Path, description = "The name of the gateway."),
        ("token" = Option<String>, Query, description = "The gateway's `receipt_token`, unless it comes as Bearer."),
    ),
    request_body(content = String, content_type = "*/*", description = "At most 64 KiB."),
    responses(
        (status = 200, description = "Taken; also what is about nothing known."),
        (status = 400, description = "Not a report of that kind of gateway.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is configured, and you are on another machine.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no gateway of that name.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("receipt_token" = []), ("receipt_token_in_query" = []), ()),
)]
pub(super) async fn report(
    State(state): State<ApiState>,
    Path(gateway): Path<String>,
    request: Request,
) -> Result<StatusCode, ApiProblem> {
    take(&state, &gateway, request).await
}

/// Report deliveries in the query
///
/// As the same with POST, for gateways that report with GET (Kannel).
#[utoipa::path(
    get, path = "/v1/receipts/{gateway}", tag = "gateways", operation_id = "reportReceiptsInQuery",
    params(
        ("gateway" = String, Path, description = "The name of the gateway."),
        ("token" = Option<String>, Query, description = "The gateway's `receipt_token`, unless it comes as Bearer."),
    ),
    responses(
        (status = 200, description = "Taken; also what is about nothing known."),
        (status = 400, description = "Not a report of that kind of gateway.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is configured, and you are on another machine.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no gateway of that name.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("receipt_token" = []), ("receipt_token_in_query" = []), ()),
)]
pub(super) async fn report_in_query(
    State(state): State<ApiState>,
    Path(gateway): Path<String>,
    request: Request,
) -> Result<StatusCode, ApiProblem> {
    if request.method() == Method::HEAD {
        // Looking must not report.
        return Err(ApiProblem::of_status(StatusCode::METHOD_NOT_ALLOWED)
            .header(ALLOW, HeaderValue::from_static("GET, POST")));
    }
    take(&state, &gateway, request).await
}

async fn take(state: &ApiState, gateway: &str, request: Request) -> Result<StatusCode, ApiProblem> {
    let (parts, body) = request.into_parts();
    let query = Query::of(&parts);
    let Some(source) = state.source(gateway) else {
        count(state, &parts)?;
        let detail = "there is no gateway of that name";
        return Err(ApiProblem::new(StatusCode::NOT_FOUND, detail));
    };
    if let Err(refusal) = admit(source, &parts, &query) {
        count(state, &parts)?;
        return Err(refusal);
    }
    let course = parts.extensions.get::<Arc<Course>>();
    let body = body::read(body, &parts.headers, MAX_BYTES, course).await?;
    let kind = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let receipts = (source.parse)(kind, &query.without("token"), &body)
        .map_err(|why| ApiProblem::new(StatusCode::BAD_REQUEST, why))?;
    state.receipts().take(&source.name, receipts).await?;
    Ok(StatusCode::OK)
}

/// Counts a caller who has no token.
pub(super) fn count(state: &ApiState, parts: &Parts) -> Result<(), ApiProblem> {
    state
        .limiter()
        .check(Subject::client(peer(parts)))
        .map_err(ApiProblem::too_many)
}

pub(super) fn admit(
    source: &ReceiptSource,
    parts: &Parts,
    query: &Query,
) -> Result<(), ApiProblem> {
    if source.token.is_empty() {
        let here = peer(parts).is_some_and(|ip| ip.to_canonical().is_loopback());
        let through_proxy = FORWARDED
            .iter()
            .any(|name| parts.headers.contains_key(name));
        return if here && !through_proxy {
            Ok(())
        } else {
            let detail = format!(
                "reports of {} are accepted from the same machine only, because there is no {}; the \
                 operator can configure one",
                source.whose(),
                source.setting()
            );
            Err(ApiProblem::new(StatusCode::FORBIDDEN, detail))
        };
    }
    let in_query = query.get("token")?;
    let given = [in_query.as_deref(), bearer(&parts.headers)];
    if given
        .into_iter()
        .flatten()
        .any(|token| source.token.matches(token))
    {
        Ok(())
    } else {
        let detail = format!(
            "give {} as `?token=` or as `Authorization: Bearer <token>`",
            source.setting()
        );
        Err(ApiProblem::unauthenticated(detail))
    }
}
