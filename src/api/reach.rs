//! Who of a street was reached.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::jobs::{StateWord, name};
use super::problem::ApiProblem;
use super::state::ApiState;
use crate::domain::event::NotificationFact;
use crate::domain::ids::{AgencyNo, JobName};
use crate::domain::reach::{House, Reach, reach};
use crate::ports::store::{Homes, Store};

/// Notifications of one page.
const PAGE: u32 = 1_000;

const NO_STREET: &str =
    "the job names its own recipients; there is a reach report for jobs with an audience only";
const ERASED: &str = "where the job's recipients live was erased with their identity numbers; totals remain at the job";

/// Who of a street was reached.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReachReport {
    /// Your own id of the job.
    #[schema(value_type = String, example = "snow-2030-01-31")]
    job: JobName,
    /// Where the job stands; while it is open, the report is about the present.
    state: StateWord,
    /// How many residents the job was for.
    recipients: u64,
    /// In how many households they live.
    households: u64,
    /// What became of the recipients; the numbers add up to `recipients`.
    reach: ReachGroups,
    /// Houses where a household has nobody who got the message, in street order. Never a person.
    without_reach: Vec<HouseEntry>,
}

/// What became of the recipients.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReachGroups {
    /// A receipt says that it arrived.
    delivered: u64,
    /// A gateway or relay took it over.
    sent: u64,
    /// Somebody of the same household, or with the same address, got it.
    covered: u64,
    /// Not in the contact register, or without a usable address.
    no_contact_information: u64,
    /// Reserved or opted out.
    refused: u64,
    /// Failed, uncertain, expired or cancelled.
    other: u64,
    /// Not decided yet.
    open: u64,
}

/// A house.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HouseEntry {
    /// The house number.
    number: u32,
    /// The letter behind it; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<String>,
    /// How many households of the job live there.
    households: u64,
    /// How many of them have nobody who got the message.
    unreached: u64,
}

impl From<House> for HouseEntry {
    fn from(house: House) -> Self {
        Self {
            number: house.number,
            letter: (!house.letter.is_empty()).then_some(house.letter),
            households: house.households,
            unreached: house.unreached,
        }
    }
}

impl ReachReport {
    fn new(job: JobName, state: StateWord, reach: Reach) -> Self {
        Self {
            job,
            state,
            recipients: reach.recipients,
            households: reach.households,
            reach: ReachGroups {
                delivered: reach.delivered,
                sent: reach.sent,
                covered: reach.covered,
                no_contact_information: reach.no_contact,
                refused: reach.refused,
                other: reach.other,
                open: reach.open,
            },
            without_reach: reach.without_reach.into_iter().map(Into::into).collect(),
        }
    }
}

/// See who of a street was reached
///
/// For jobs with an `audience`: how many residents got the message, and at which houses a household
/// has nobody who did, so that somebody can knock there. Kept as long as identity numbers
/// (`retention.identity`); after that 410.
#[utoipa::path(
    get, path = "/v1/jobs/{job}/reach", tag = "jobs", operation_id = "getReach",
    params(("job" = String, Path, description = "Your own id of the job.")),
    responses(
        (status = 200, description = "The report.", body = ReachReport),
        (status = 410, description = "Where the recipients live was erased.",
            body = super::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(super) async fn report(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    Path(job): Path<String>,
) -> Result<Json<ReachReport>, ApiProblem> {
    let job = name(&job)?;
    let store = state.deps().store.as_ref();
    let homes = store.homes(agency.no, &job).await?;
    let homes = match homes.ok_or_else(ApiProblem::no_such_job)? {
        Homes::At(homes) => homes,
        Homes::NoStreet => return Err(ApiProblem::new(StatusCode::NOT_FOUND, NO_STREET)),
        Homes::Erased => return Err(ApiProblem::new(StatusCode::GONE, ERASED)),
    };
    let view = store.job(agency.no, &job).await?;
    let view = view.ok_or_else(ApiProblem::no_such_job)?;
    let facts = facts(store, agency.no, &job).await?;
    let reach = reach(&homes, &facts);
    Ok(Json(ReachReport::new(job, view.state.into(), reach)))
}

/// Everything that became of the job's recipients.
async fn facts(
    store: &dyn Store,
    agency: AgencyNo,
    job: &JobName,
) -> Result<Vec<NotificationFact>, ApiProblem> {
    let mut facts = Vec::new();
    let mut from = None;
    loop {
        let page = store.notifications(agency, job, from, PAGE).await?;
        let page = page.ok_or_else(ApiProblem::no_such_job)?;
        facts.extend(page.facts);
        if page.next.is_none() {
            return Ok(facts);
        }
        from = page.next;
    }
}
