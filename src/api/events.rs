//! The agency's event feed.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::ApiProblem;
use super::query::Query;
use super::state::ApiState;

/// A page of the feed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the events are put together as text")]
pub(super) struct EventPage {
    /// In the order of `sequence`.
    items: Vec<CloudEvent>,
    /// The `sequence` of the last one, or `after` if there is none: give it as `after` next time.
    #[schema(example = "4711")]
    next: String,
}

/// A CloudEvents 1.0 event, the same as over AMQP.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes Event::to_cloudevent")]
pub(super) struct CloudEvent {
    /// `1.0`.
    specversion: String,
    /// Unique among all events.
    #[schema(example = "oslo-4711")]
    id: String,
    /// `/budstikke/<agency>`.
    #[schema(example = "/budstikke/oslo")]
    source: String,
    /// `no.budstikke.` and one of `job.accepted`, `job.rejected`, `job.finished`, `job.cancelled`,
    /// `notification.sent`, `notification.delivered`, `notification.failed`,
    /// `notification.not_sent`, `notification.uncertain`, `notification.cancelled`.
    #[serde(rename = "type")]
    #[schema(example = "no.budstikke.notification.sent")]
    kind: String,
    /// The job's id; absent if it could not be read.
    subject: Option<String>,
    #[schema(format = DateTime)]
    time: String,
    /// `application/json`.
    datacontenttype: String,
    /// A decimal number, gap-free and rising by one.
    #[schema(example = "4711")]
    sequence: String,
    /// What happened, by type.
    data: Value,
}

/// Read the event feed
///
/// Everything that happened to your jobs, kept for 90 days. Read from `after` = 0 on, keep `next`,
/// and go on from there.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "listEvents",
    params(
        ("after" = Option<String>, Query, description = "A `sequence`; default 0, the beginning."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; default 100."),
    ),
    responses((status = 200, description = "A page.", body = EventPage)),
    security(("api_key" = [])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    query: Query,
) -> Result<Response, ApiProblem> {
    let limit = query.limit()?;
    let after = match query.get("after")? {
        None => 0,
        Some(after) => after
            .parse()
            .ok()
            .filter(|after: &i64| *after >= 0)
            .ok_or_else(|| ApiProblem::bad_query("after", "a `sequence`: digits only"))?,
    };
    let events = state.deps().store.feed(agency.no, after, limit).await?;
    let next = events.last().map_or(after, |last| last.sequence);
    let items: Vec<String> = events
        .iter()
        .map(|event| event.to_cloudevent(&agency.id))
        .collect();
    let page = format!(r#"{{"items":[{}],"next":"{next}"}}"#, items.join(","));
    Ok(([(CONTENT_TYPE, "application/json")], page).into_response())
}
