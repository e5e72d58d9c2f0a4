//! What became of a job's recipients, and the agency's word that a letter was opened.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::cursor;
use super::jobs::name;
use super::problem::ApiProblem;
use super::query::Query;
use super::state::ApiState;
use super::words::{ChannelWord, ReasonWord, StatusWord};
use crate::domain::event::NotificationFact;
use crate::domain::ids::Reference;

/// A page of notifications.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotificationPage {
    /// In the order of the recipients, then of the occasions. May hold fewer than `limit` although
    /// more follow.
    #[schema(value_type = Vec<Notification>)]
    items: Vec<NotificationFact>,
    /// Give this as `cursor` for the next page; `null`: this was the last.
    next: Option<String>,
}

/// A recipient on an occasion on a channel: the `data` of the latest `notification.*` event, or the
/// status that is not settled yet.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes NotificationFact")]
pub(super) struct Notification {
    /// Your own id of the job.
    job: String,
    /// Your own reference of the recipient.
    #[serde(rename = "ref")]
    reference: String,
    /// 0 for the first, 1 and up for reminders.
    occasion: u8,
    /// Absent if none was chosen.
    channel: Option<ChannelWord>,
    status: StatusWord,
    /// Absent if there is none.
    reason: Option<ReasonWord>,
    /// Since when.
    #[schema(format = DateTime)]
    at: String,
    /// Rises by one with each settled status of this reference, occasion and channel.
    version: i32,
    /// A second try was put on the wire after one of which nobody knows whether it arrived.
    possible_duplicate: bool,
    /// Send the letter on paper.
    paper: bool,
    /// With reason `covered`: the recipient who got the message.
    covered_by: Option<String>,
}

/// List what became of the recipients
#[utoipa::path(
    get, path = "/v1/jobs/{job}/notifications", tag = "jobs", operation_id = "listNotifications",
    params(
        ("job" = String, Path, description = "Your own id of the job."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; default 100."),
    ),
    responses((status = 200, description = "A page.", body = NotificationPage)),
    security(("api_key" = [])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    Path(job): Path<String>,
    query: Query,
) -> Result<Json<NotificationPage>, ApiProblem> {
    let job = name(&job)?;
    let limit = query.limit()?;
    let from = query
        .get("cursor")?
        .map(|cursor| cursor::read(&job, &cursor))
        .transpose()?;
    let store = &state.deps().store;
    let page = store.notifications(agency.no, &job, from, limit).await?;
    let page = page.ok_or_else(ApiProblem::no_such_job)?;
    Ok(Json(NotificationPage {
        items: page.facts,
        next: page.next.map(|next| cursor::write(&job, next)),
    }))
}

/// Report a letter as opened
///
/// No more reminders are sent to that recipient. Repeating it changes nothing.
#[utoipa::path(
    post, path = "/v1/jobs/{job}/notifications/{ref}/opened", tag = "jobs", operation_id = "reportOpened",
    params(
        ("job" = String, Path, description = "Your own id of the job."),
        ("ref" = String, Path, description = "Your own reference of the recipient."),
    ),
    responses((status = 204, description = "Noted.")),
    security(("api_key" = [])),
)]
pub(super) async fn opened(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    Path((job, reference)): Path<(String, String)>,
) -> Result<StatusCode, ApiProblem> {
    let missing = ApiProblem::no_such_recipient;
    let job = name(&job).map_err(|_no_id| missing())?;
    let reference = Reference::parse(&reference).map_err(|_no_id| missing())?;
    let known = state.intake().opened(&agency, &job, &reference).await?;
    if known {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing())
    }
}
