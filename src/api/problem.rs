//! What a caller is told when something is wrong: `application/problem+json` (RFC 9457).
//!
//! `type` is `about:blank` where the status says it all, else `/problems/<slug>`. Nothing personal
//! is in any of them.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::event::Problem;
use crate::pipeline::intake::{Busy, Intake};
use crate::ports::access::Refusal;
use crate::ports::store::StoreError;
use crate::telemetry::record;

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// Kinds of problems that are more than their status: slug, status and title.
pub(super) const KINDS: [Kind; 3] = [
    Kind::INVALID_JOB,
    Kind::JOB_CONFLICT,
    Kind::INVALID_OPT_OUTS,
];

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The end of its `type`.
    pub(super) slug: &'static str,
    /// Always the same for the kind.
    pub(super) title: &'static str,
    /// What to do, for the page.
    pub(super) meaning: &'static str,
}

impl Kind {
    /// 422.
    pub(super) const INVALID_JOB: Self = Self {
        slug: "invalid-job",
        title: "The job is not valid",
        meaning: "Nothing of the job was stored. `problems` lists everything that is wrong with it, each with the \
                  JSON pointer (RFC 6901) to the place. Correct the job and send it again; its id is still free.",
    };
    /// 422.
    pub(super) const INVALID_OPT_OUTS: Self = Self {
        slug: "invalid-opt-outs",
        title: "The opt-outs are not valid",
        meaning: "Nothing of the list was changed. `problems` lists everything that is wrong, each with the JSON pointer \
                  (RFC 6901) to the place. Correct it and send it again.",
    };
    /// 409.
    pub(super) const JOB_CONFLICT: Self = Self {
        slug: "job-conflict",
        title: "The job's id is taken",
        meaning: "A job with the same id and other content is stored, and nothing of it was changed. Send the new \
                  job under another id.",
    };
}

/// A problem on its way to a caller.
#[derive(Debug)]
pub(super) struct ApiProblem {
    status: StatusCode,
    kind: Option<&'static Kind>,
    detail: Cow<'static, str>,
    problems: Vec<Problem>,
    parts: Option<Box<Map<String, Value>>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// An RFC 9457 problem.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// `about:blank`, or `/problems/<slug>` of the problem kinds described at `/docs`.
    #[serde(rename = "type")]
    uri: String,
    /// The kind of problem in short; always the same for a `type`.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong this time and what to do.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// Everything that is wrong with a job, with its place; absent if it is not about a job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<Finding>>)]
    problems: Vec<Problem>,
    /// `/readyz` only: which parts are able to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, bool>>)]
    parts: Option<Map<String, Value>>,
}

/// One thing that is wrong with a job.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes domain::event::Problem, which knows no OpenAPI"
)]
pub(super) struct Finding {
    /// JSON pointer (RFC 6901) to the place; empty for the whole body.
    #[schema(example = "/recipients/3/phone")]
    pointer: String,
    /// What is wrong and what to do.
    problem: String,
}

impl ApiProblem {
    /// A problem whose status says it all.
    pub(super) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            kind: None,
            detail: detail.into(),
            problems: Vec::new(),
            parts: None,
            headers: Vec::new(),
        }
    }

    /// With a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With the parts of `/readyz`.
    pub(super) fn parts(mut self, parts: Map<String, Value>) -> Self {
        self.parts = Some(Box::new(parts));
        self
    }

    fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, seconds.max(1).into())
    }

    /// 400: something in the query cannot be read.
    pub(super) fn bad_query(name: &str, expected: &str) -> Self {
        let detail = format!("the query parameter `{name}` must be {expected}");
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401; says the same whatever is wrong with the key.
    pub(super) fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 401: an access token that is not believed (RFC 6750 section 3). `scope` is the one that a token
    /// must have.
    pub(super) fn refused_token(refusal: Refusal, scope: &str) -> Self {
        let detail = refusal.to_string();
        let described: String = detail
            .chars()
            .filter(|c| !matches!(c, '"' | '\\'))
            .collect();
        let challenge = if refusal == Refusal::Scope {
            format!(
                "Bearer error=\"insufficient_scope\", error_description=\"{described}\", scope=\"{scope}\""
            )
        } else {
            format!("Bearer error=\"invalid_token\", error_description=\"{described}\"")
        };
        let challenge = HeaderValue::from_str(&challenge)
            .unwrap_or(HeaderValue::from_static("Bearer error=\"invalid_token\""));
        Self::new(StatusCode::UNAUTHORIZED, detail).header(header::WWW_AUTHENTICATE, challenge)
    }

    /// 503: nobody can tell whether a token is good.
    pub(super) fn issuer_away() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the keys of the access tokens' issuer cannot be had just now, so the token cannot be checked; \
             nothing was done, and sending the same again is safe. API keys work",
        )
        .retry_after(Duration::from_secs(5))
    }

    /// 404; the same for what does not exist and what is another agency's.
    pub(super) fn no_such_job() -> Self {
        Self::new(StatusCode::NOT_FOUND, "you have no job of that id")
    }

    /// 404.
    pub(super) fn no_such_recipient() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "you have no job of that id with a recipient of that reference",
        )
    }

    /// 404.
    pub(super) fn no_such_letter() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "you have no letter of that id with a recipient of that reference",
        )
    }

    /// 409.
    pub(super) fn conflict() -> Self {
        Self {
            kind: Some(&Kind::JOB_CONFLICT),
            ..Self::new(
                StatusCode::CONFLICT,
                "a job with this id and other content is stored; send this one under another id",
            )
        }
    }

    /// 422.
    pub(super) fn invalid(problems: Vec<Problem>) -> Self {
        Self {
            kind: Some(&Kind::INVALID_JOB),
            problems,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "nothing of the job was stored; `problems` says what is wrong and where",
            )
        }
    }

    /// 422.
    pub(super) fn invalid_opt_outs(problems: Vec<Problem>) -> Self {
        Self {
            kind: Some(&Kind::INVALID_OPT_OUTS),
            problems,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "nothing of the opt-out list was changed; `problems` says what is wrong and where",
            )
        }
    }

    /// 429.
    pub(super) fn too_many(wait: Duration) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests; wait as long as Retry-After says",
        )
        .retry_after(wait)
    }

    /// 503: the same request may work later.
    pub(super) fn store_away() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store cannot be reached just now; sending the same again is safe",
        )
        .retry_after(Intake::try_again_in())
    }

    /// What the status says about a request that no handler answered in its own words.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let detail = match status.as_u16() {
            404 => "there is nothing at this address; /docs lists what there is",
            405 => "this address does not take that method; the header Allow lists what it takes",
            500 => "something went wrong here; it is logged under the request id",
            _ => "the request cannot be answered",
        };
        Self::new(status, detail)
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            uri: self.kind.map_or_else(
                || "about:blank".to_owned(),
                |kind| format!("/problems/{}", kind.slug),
            ),
            title: self.kind.map_or_else(
                || self.status.canonical_reason().unwrap_or("Error"),
                |kind| kind.title,
            ),
            status: self.status.as_u16(),
            detail: self.detail,
            problems: self.problems,
            parts: self.parts.map(|parts| *parts),
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, MEDIA_TYPE)];
        let mut answer = (self.status, kind, text).into_response();
        answer.headers_mut().extend(self.headers);
        answer
    }
}

impl From<Busy> for ApiProblem {
    fn from(_: Busy) -> Self {
        Self::store_away()
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        record::store_error("api");
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot answer a request over HTTP"
        );
        match error {
            StoreError::Unavailable(_) | StoreError::Schema { .. } | StoreError::Locked(_) => {
                Self::store_away()
            }
            StoreError::Corrupt { .. } => Self::of_status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}
