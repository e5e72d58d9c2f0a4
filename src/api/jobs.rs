//! Jobs: in, looked at, cancelled.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::JsonBody;
use super::job_request::JobRequest;
use super::problem::{ApiProblem, ProblemBody};
use super::state::ApiState;
use super::words::{ClassWord, LaneWord};
use crate::domain::ids::JobName;
use crate::domain::kinds::{Class, Lane};
use crate::domain::status::Status;
use crate::pipeline::intake::{Answer, Offer};
use crate::ports::store::{JobState, JobView};

/// Where a job stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = JobState)]
pub(super) enum StateWord {
    /// Something is unsettled.
    Open,
    /// Every notification of every occasion is settled.
    Finished,
    /// Cancelled by the agency.
    Cancelled,
}

impl From<JobState> for StateWord {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Open => Self::Open,
            JobState::Finished => Self::Finished,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

/// A job that was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobReceipt {
    /// Your own id of the job.
    #[schema(value_type = String, example = "appointment-8831")]
    job: JobName,
    /// Where it stands.
    state: StateWord,
    /// How many recipients it has.
    recipients: u64,
    /// How many notifications have each status.
    #[schema(value_type = BTreeMap<String, u64>)]
    totals: BTreeMap<Status, u64>,
    /// The lane granted; only when it is not the one asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LaneWord>)]
    lane: Option<Lane>,
    /// How many recipients are treated as normal because your urgent quota was used up; only when
    /// there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgent_over_quota: Option<u64>,
}

fn over_quota(recipients: u64) -> Option<u64> {
    (recipients > 0).then_some(recipients)
}

impl From<JobView> for JobReceipt {
    fn from(view: JobView) -> Self {
        Self {
            job: view.name,
            state: view.state.into(),
            recipients: view.recipients,
            totals: view.totals.0,
            lane: (view.lane != view.lane_asked).then_some(view.lane),
            urgent_over_quota: over_quota(view.urgent_over_quota),
        }
    }
}

/// A job as its agency sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobStatus {
    /// Your own id of the job.
    #[schema(value_type = String, example = "appointment-8831")]
    job: JobName,
    #[schema(value_type = ClassWord)]
    class: Class,
    /// The lane granted.
    #[schema(value_type = LaneWord)]
    lane: Lane,
    /// The lane asked for; only when another was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LaneWord>)]
    lane_asked: Option<Lane>,
    /// How many recipients are treated as normal because your urgent quota was used up; only when
    /// there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgent_over_quota: Option<u64>,
    /// Where it stands.
    state: StateWord,
    /// When it was stored.
    #[schema(format = DateTime)]
    accepted_at: String,
    /// How many recipients it has.
    recipients: u64,
    /// How many notifications have each status; with `channel: both` the better one counts.
    #[schema(value_type = BTreeMap<String, u64>)]
    totals: BTreeMap<Status, u64>,
}

impl From<JobView> for JobStatus {
    fn from(view: JobView) -> Self {
        Self {
            job: view.name,
            class: view.class,
            lane: view.lane,
            lane_asked: (view.lane != view.lane_asked).then_some(view.lane_asked),
            urgent_over_quota: over_quota(view.urgent_over_quota),
            state: view.state.into(),
            accepted_at: view.accepted_at.to_string(),
            recipients: view.recipients,
            totals: view.totals.0,
        }
    }
}

/// The job's id in the path. One that cannot be an id is one that nobody has.
pub(super) fn name(raw: &str) -> Result<JobName, ApiProblem> {
    JobName::parse(raw).map_err(|_no_id| ApiProblem::no_such_job())
}

/// Enqueue a job
///
/// The same job with the same content may be sent any number of times; it is stored once. What
/// becomes of it comes as events.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "enqueueJob",
    request_body(content = JobRequest, content_type = "application/json"),
    responses(
        (status = 202, description = "Stored.", body = JobReceipt,
            headers(("Location" = String, description = "Where the job can be looked at."))),
        (status = 200, description = "The same was stored before; nothing changed.", body = JobReceipt),
        (status = 409, description = "Other content is stored under the same id; nothing changed.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a valid job; nothing is stored.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(super) async fn enqueue(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiProblem> {
    let offer = Offer {
        agency,
        body,
        lane: None,
    };
    match state.intake().offer(offer).await? {
        Answer::Accepted(view) => {
            let place = [(LOCATION, format!("/v1/jobs/{}", view.name))];
            let receipt = Json(JobReceipt::from(view));
            Ok((StatusCode::ACCEPTED, place, receipt).into_response())
        }
        Answer::Repeated(view) => Ok(Json(JobReceipt::from(view)).into_response()),
        Answer::Conflict(_) => Err(ApiProblem::conflict()),
        Answer::Rejected { problems, .. } => Err(ApiProblem::invalid(problems)),
    }
}

/// Look at a job
#[utoipa::path(
    get, path = "/v1/jobs/{job}", tag = "jobs", operation_id = "getJob",
    params(("job" = String, Path, description = "Your own id of the job.")),
    responses((status = 200, description = "The job.", body = JobStatus)),
    security(("api_key" = [])),
)]
pub(super) async fn look(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    Path(job): Path<String>,
) -> Result<Json<JobStatus>, ApiProblem> {
    let job = name(&job)?;
    let view = state.deps().store.job(agency.no, &job).await?;
    Ok(Json(view.ok_or_else(ApiProblem::no_such_job)?.into()))
}

/// Cancel a job
///
/// Cancels what has not left, reminders included. Repeating it changes nothing; a finished job stays
/// finished.
#[utoipa::path(
    delete, path = "/v1/jobs/{job}", tag = "jobs", operation_id = "cancelJob",
    params(("job" = String, Path, description = "Your own id of the job.")),
    responses((status = 200, description = "The job as it is now.", body = JobStatus)),
    security(("api_key" = [])),
)]
pub(super) async fn cancel(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    Path(job): Path<String>,
) -> Result<Json<JobStatus>, ApiProblem> {
    let view = state.intake().cancel(&agency, &name(&job)?).await?;
    Ok(Json(view.ok_or_else(ApiProblem::no_such_job)?.into()))
}
