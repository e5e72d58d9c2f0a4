//! A job as it would go out.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::JsonBody;
use super::job_request::JobRequest;
use super::problem::{ApiProblem, ProblemBody};
use super::state::ApiState;
use super::words::LanguageWord;
use crate::domain::job::{ParseRules, Preview, StreetAudience, Templates, parse, preview};
use crate::domain::time::Timestamp;
use crate::pipeline::audience::residents;
use crate::pipeline::deps::Agency;

macro_rules! described {
    ($($(#[$meta:meta])* struct $name:ident as $schema:ident {
        $($(#[$fmeta:meta])* $field:ident: $type:ty,)+
    })+) => {$(
        $(#[$meta])*
        #[derive(ToSchema)]
        #[schema(as = $schema)]
        #[expect(dead_code, reason = "describes domain::job::Preview, which knows no OpenAPI")]
        pub(super) struct $name { $($(#[$fmeta])* $field: $type,)+ }
    )+};
}

described! {
    /// A job as it would go out.
    struct PreviewBody as Preview {
        /// Your own id of the job.
        job: String,
        /// How many recipients the job has; for a street those who live there today.
        recipients: u64,
        /// In how many households the recipients of a street live; absent without one.
        households: Option<u64>,
        /// Whether only the first 100 recipients are shown.
        truncated: bool,
        /// The messages: by recipient, then by language.
        items: Vec<PreviewEntry>,
    }

    /// What one recipient would get in one language.
    struct PreviewEntry as PreviewItem {
        /// The recipient; absent for a street.
        #[serde(rename = "ref")]
        reference: Option<String>,
        language: LanguageWord,
        /// Absent if the recipient could get none.
        sms: Option<PreviewSms>,
        /// Absent if the recipient could get none.
        email: Option<PreviewEmail>,
    }

    /// An SMS as it would go out.
    struct PreviewSms as PreviewSms {
        /// The text.
        text: String,
        /// `gsm7` or `ucs2`.
        encoding: String,
        /// Septets or UTF-16 units.
        units: u32,
        /// What the gateway bills.
        #[schema(minimum = 1, maximum = 10)]
        parts: u32,
        /// The characters that forced UCS-2: each once, at most 20.
        forced_ucs2: Vec<String>,
    }

    /// An e-mail as it would go out.
    struct PreviewEmail as PreviewEmail {
        /// Subject line.
        subject: String,
        /// The plain text part.
        text: String,
        /// The HTML part.
        html: Option<String>,
    }
}

/// Preview a job
///
/// Shows the texts, the encoding of each SMS, its parts and which characters forced UCS-2. Nothing
/// is stored and nobody is looked up: a person is shown in every language that the register might
/// name. For a street the residents of today are counted.
#[utoipa::path(
    post, path = "/v1/preview", tag = "jobs", operation_id = "previewJob",
    request_body(content = JobRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "What would be sent.", body = PreviewBody),
        (status = 422, description = "Not a valid job.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    Caller(agency): Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<Preview>, ApiProblem> {
    let allow_synthetic = state.deps().policy.allow_synthetic;
    let now = state.deps().clock.now();
    // Megabytes of templates may take a while: not on a thread that serves others.
    let shown =
        tokio::task::spawn_blocking(move || preview_of(&body, &agency, allow_synthetic, now)).await;
    let Ok(shown) = shown else {
        return Err(ApiProblem::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let (mut preview, audience) = shown?;
    if let Some(audience) = audience {
        count(&state, &audience, now, &mut preview).await?;
    }
    Ok(Json(preview))
}

/// Counts who lives at a street; a street that nobody can be told at is refused like the job.
async fn count(
    state: &ApiState,
    audience: &StreetAudience,
    now: Timestamp,
    preview: &mut Preview,
) -> Result<(), ApiProblem> {
    let population = state.deps().population.as_ref();
    let residents = match residents(population, audience, now).await {
        Ok(Ok(residents)) => residents,
        Ok(Err(nobody)) => return Err(ApiProblem::invalid(vec![nobody])),
        Err(away) => {
            tracing::warn!(
                error = &away as &dyn std::error::Error,
                "cannot preview a job for a street"
            );
            return Err(ApiProblem::store_away());
        }
    };
    let homes = residents.iter().filter_map(|one| one.home.as_ref());
    let households: BTreeSet<u16> = homes.map(|home| home.household).collect();
    preview.recipients = residents.len();
    preview.households = Some(households.len());
    Ok(())
}

fn preview_of(
    body: &Bytes,
    agency: &Arc<Agency>,
    allow_synthetic: bool,
    now: Timestamp,
) -> Result<(Preview, Option<StreetAudience>), ApiProblem> {
    let rules = ParseRules {
        allow_synthetic,
        classes: &agency.classes,
        municipality: agency.municipality.as_deref(),
        lane_of_queue: None,
        now,
    };
    let job = parse(body, &rules).map_err(|rejected| ApiProblem::invalid(rejected.problems))?;
    let shown = Templates::compile(&job.message)
        .ok()
        .and_then(|templates| preview(&job, &templates).ok());
    // Reading the job has compiled and filled every text already.
    let shown = shown.ok_or_else(|| ApiProblem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok((shown, job.rules.audience))
}
