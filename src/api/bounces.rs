//! Bounces: the mail system gives what came back (RFC 3464).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::around::Course;
use super::body;
use super::problem::{ApiProblem, ProblemBody};
use super::query::Query;
use super::receipts::{admit, count};
use super::state::ApiState;
use crate::domain::receipt::{Receipt, ReceiptKey};

/// The longest bounce, in bytes: mail systems may send the whole message back.
const MAX_BYTES: usize = 1024 * 1024;

/// Hand in a bounce
///
/// For the mail system: a message that came back, as it is (`message/rfc822`). The token is
/// `http.bounce_token`; without one configured, bounces are accepted from the same machine only.
#[utoipa::path(
    post, path = "/v1/bounces", tag = "gateways", operation_id = "reportBounce",
    params(
        ("token" = Option<String>, Query, description = "`http.bounce_token`, unless it comes as Bearer."),
    ),
    request_body(content = String, content_type = "message/rfc822", description = "At most 1 MiB."),
    responses(
        (status = 200, description = "Taken; also what is about nothing known."),
        (status = 400, description = "Not a delivery status notification (RFC 3464).",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is configured, and you are on another machine.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("receipt_token" = []), ("receipt_token_in_query" = []), ()),
)]
pub(super) async fn report(
    State(state): State<ApiState>,
    request: Request,
) -> Result<StatusCode, ApiProblem> {
    let (parts, body) = request.into_parts();
    let query = Query::of(&parts);
    let source = state.bounces();
    if let Err(refusal) = admit(source, &parts, &query) {
        count(&state, &parts)?;
        return Err(refusal);
    }
    let course = parts.extensions.get::<Arc<Course>>();
    let body = body::read(body, &parts.headers, MAX_BYTES, course).await?;
    let receipts = (source.parse)(None, "", &body)
        .map_err(|why| ApiProblem::new(StatusCode::BAD_REQUEST, why))?;
    for (relay, receipts) in by_relay(&state, receipts).await? {
        state.receipts().take(&relay, receipts).await?;
    }
    Ok(StatusCode::OK)
}

/// The receipts by the relay that took their messages; those about nothing known are left out.
async fn by_relay(
    state: &ApiState,
    receipts: Vec<Receipt>,
) -> Result<BTreeMap<String, Vec<Receipt>>, ApiProblem> {
    let mut known = BTreeMap::new();
    for receipt in receipts {
        match &receipt.key {
            ReceiptKey::Delivery(delivery) => known.insert(*delivery, receipt),
            ReceiptKey::ProviderReference(_) => None,
        };
    }
    let ids: Vec<_> = known.keys().copied().collect();
    let mut relays: BTreeMap<String, Vec<Receipt>> = BTreeMap::new();
    for (delivery, relay) in state.deps().store.tried_through(&ids).await? {
        relays
            .entry(relay)
            .or_default()
            .extend(known.remove(&delivery));
    }
    Ok(relays)
}
