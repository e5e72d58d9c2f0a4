//! What is laid around every route: a request id, a time limit, problems in one form, and a line in
//! the log. The log never holds a query (tokens), a path with names in it, or a body.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{ApiProblem, MEDIA_TYPE};
use super::state::ApiState;
use crate::domain::ids::AgencyId;
use crate::domain::org_number::OrgNumber;
use crate::pipeline::deps::Agency;
use crate::telemetry::record;

/// Callers may name a request; what they name it comes back, and is in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer names are replaced.
const MAX_REQUEST_ID: usize = 64;

/// What is noted about a request on its way.
#[derive(Debug, Default)]
pub(super) struct Course {
    reading: AtomicBool,
    agency: OnceLock<AgencyId>,
    supplier: OnceLock<OrgNumber>,
}

impl Course {
    /// The body is awaited. When the time is over before [`Self::body_read`], the caller was slow.
    pub(super) fn awaiting_body(&self) {
        self.reading.store(true, Ordering::Relaxed);
    }

    /// The body is there.
    pub(super) fn body_read(&self) {
        self.reading.store(false, Ordering::Relaxed);
    }

    /// Who asks.
    pub(super) fn came_from(&self, agency: &Agency) {
        self.agency.get_or_init(|| agency.id.clone());
    }

    /// Who asks on the agency's behalf.
    pub(super) fn came_through(&self, supplier: OrgNumber) {
        self.supplier.get_or_init(|| supplier);
    }

    fn timed_out(&self) -> ApiProblem {
        if self.reading.load(Ordering::Relaxed) {
            ApiProblem::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time; nothing was done",
            )
            .header(header::CONNECTION, HeaderValue::from_static("close"))
        } else {
            ApiProblem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "the store did not answer in time; it may have done what was asked, and sending the same again is safe",
            )
        }
    }
}

/// The outermost layer.
pub(super) async fn around(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let clock = &state.deps().clock;
    let began = clock.monotonic();
    let id = request_id(&request, &state);
    let course = Arc::new(Course::default());
    request.extensions_mut().insert(Arc::clone(&course));
    let method = word(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let limit = state.limits().request_timeout;
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    let mut answer = match answer {
        Ok(answer) => in_one_form(answer),
        Err(_elapsed) => course.timed_out().into_response(),
    };
    dress(&mut answer, &id);
    let took = clock.monotonic().since(began);
    let status = answer.status().as_u16();
    record::http(method, route, status, took);
    if status == 500 {
        tracing::error!(
            request.id = id.to_str().unwrap_or_default(),
            "{method} {route} failed over HTTP: a panic, or a row that does not decode"
        );
    }
    let agency = course.agency.get().map_or("", AgencyId::as_str);
    // Somebody who acts for an agency leaves a trace, whatever is logged otherwise.
    if let Some(supplier) = course.supplier.get()
        && method != "GET"
    {
        tracing::info!(
            request.id = id.to_str().unwrap_or_default(),
            agency,
            supplier = %supplier,
            "{method} {route} by supplier {supplier} for {agency} was answered with {status}"
        );
    }
    tracing::debug!(
        request.id = id.to_str().unwrap_or_default(),
        agency,
        duration_ms = took.as_secs_f64() * 1_000.0,
        "{method} {route} was answered with {status}"
    );
    answer
}

/// A panic becomes a 500, which [`around`] logs. What it said may be personal and goes nowhere.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiProblem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// The caller's name of the request if it is harmless, else one of ours.
fn request_id(request: &Request, state: &ApiState) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        let id = id.as_bytes();
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(REQUEST_ID).filter(harmless);
    given.cloned().unwrap_or_else(|| {
        let [a, b, c, d, e, f, g, h, ..] = state.deps().entropy.bytes();
        let id = hex::encode([a, b, c, d, e, f, g, h]);
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Errors that the router or an extractor made become problems too.
fn in_one_form(answer: Response) -> Response {
    let status = answer.status();
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || kind.is_some_and(|kind| kind == MEDIA_TYPE) {
        return answer;
    }
    let mut headers = answer.headers().clone();
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    let mut problem = ApiProblem::of_status(status).into_response();
    problem.headers_mut().extend(headers);
    problem
}

/// Headers that every answer has.
fn dress(answer: &mut Response, id: &HeaderValue) {
    let headers = answer.headers_mut();
    headers.insert(REQUEST_ID, id.clone());
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

/// A method as a label: one of a closed set.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
