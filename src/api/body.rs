//! The body of a request: read whole, bounded in length and time. What is in it is for intake.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{self, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::around::Course;
use super::problem::ApiProblem;
use super::state::ApiState;

/// Of a body that is too long so much more is read and dropped, so that a caller who is still
/// writing gets to read the answer instead of a broken connection.
const PATIENCE: usize = 1 << 20;

/// The bytes of a body that says it is JSON, within the limit for jobs.
#[derive(Debug)]
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<ApiState> for JsonBody {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiProblem> {
        let (parts, body) = request.into_parts();
        let refusal = refusal_of_type(&parts.headers);
        let course = parts.extensions.get::<Arc<Course>>();
        let bytes = read(body, &parts.headers, state.limits().body_bytes, course).await?;
        refusal.map_or(Ok(Self(bytes)), Err)
    }
}

/// 415 unless it is plain JSON.
fn refusal_of_type(headers: &HeaderMap) -> Option<ApiProblem> {
    let refuse = |detail| Some(ApiProblem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return refuse("the body must be a job in JSON, with `Content-Type: application/json`");
    }
    let coding = headers.get(header::CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refuse("the body must not be compressed: leave Content-Encoding out");
    }
    None
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 if it is longer, 400 if it breaks off.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    limit: usize,
    course: Option<&Arc<Course>>,
) -> Result<Bytes, ApiProblem> {
    let too_long = || {
        ApiProblem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {limit} bytes"),
        )
        .header(header::CONNECTION, HeaderValue::from_static("close"))
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let most = limit.saturating_add(PATIENCE);
    if announced.is_some_and(|length| length > most) {
        return Err(too_long());
    }
    if let Some(course) = course {
        course.awaiting_body();
    }
    let mut chunks = body.into_data_stream();
    let mut kept = BytesMut::with_capacity(announced.unwrap_or(0).min(limit).min(PATIENCE));
    let mut length = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_broken| {
            ApiProblem::new(StatusCode::BAD_REQUEST, "the body broke off before its end")
        })?;
        length = length.saturating_add(chunk.len());
        if length > most {
            break;
        }
        if length > limit {
            kept = BytesMut::new();
        } else {
            kept.extend_from_slice(&chunk);
        }
    }
    if let Some(course) = course {
        course.body_read();
    }
    if length > limit {
        Err(too_long())
    } else {
        Ok(kept.freeze())
    }
}
