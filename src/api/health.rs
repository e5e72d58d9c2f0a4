//! Is the process up, is it able to work, and what does it count.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::problem::{ApiProblem, ProblemBody};
use super::state::ApiState;

/// The store answers within this or counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process is up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `up`.
    status: &'static str,
}

/// Whether the process is able to work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// All parts are.
    ready: bool,
    /// Each part: `store`, `running` (it was not asked to stop) and the other parties.
    #[schema(value_type = std::collections::BTreeMap<String, bool>)]
    parts: Map<String, Value>,
}

/// Is the process up
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "health",
    responses((status = 200, description = "It is.", body = Health)),
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "up" })
}

/// Is it able to work
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "readiness",
    responses(
        (status = 200, description = "It is.", body = Readiness),
        (status = 503, description = "It is not; `parts` says what is missing.",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn readiness(
    State(state): State<ApiState>,
) -> Result<Json<Readiness>, ApiProblem> {
    let deps = state.deps();
    // Nobody's key: the smallest question that the store answers.
    let ping = deps.store.key_owner([0; 32]);
    let store = matches!(tokio::time::timeout(PATIENCE, ping).await, Ok(Ok(_)));
    let mut parts = Map::new();
    parts.insert("store".into(), store.into());
    parts.insert("running".into(), (!deps.stop.is_cancelled()).into());
    for (name, able) in state.ready() {
        parts.insert(name.into(), able.into());
    }
    if parts.values().all(|able| able == &Value::Bool(true)) {
        return Ok(Json(Readiness { ready: true, parts }));
    }
    let detail = "not able to work just now; `parts` says what is missing";
    Err(ApiProblem::new(StatusCode::SERVICE_UNAVAILABLE, detail).parts(parts))
}

/// Metrics for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "metrics",
    responses((status = 200, description = "Text format 0.0.4.", body = String, content_type = "text/plain; version=0.0.4")),
)]
pub(super) async fn metrics(State(state): State<ApiState>) -> Response {
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, state.metrics()).into_response()
}
