//! Answers and refusals in the register's forms. No refusal repeats anything that was asked.

use axum::body::Bytes;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::signer::Signer;
use super::wire::{JOSE, Wrong};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// 400.
    #[error("{0}")]
    Request(&'static str),
    /// 401.
    #[error("{0}")]
    Token(String),
    /// 403.
    #[error("{0}")]
    Scope(&'static str),
    /// 406.
    #[error("no key to sign answers with is configured; ask for application/json")]
    NotSigned,
    /// 503.
    #[error("the register cannot be read just now")]
    Unavailable,
    /// 500.
    #[error("a row of the register cannot be read; import the person again")]
    Broken,
}

impl Refused {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Scope(_) => StatusCode::FORBIDDEN,
            Self::NotSigned => StatusCode::NOT_ACCEPTABLE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let message = self.to_string();
        let body = axum::Json(Wrong {
            status: status.as_u16(),
            message: &message,
        });
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Token(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Request(_) | Self::Scope(_) | Self::NotSigned | Self::Broken => {}
        }
        response
    }
}

/// Reads a request's body.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes, form: &'static str) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|_unreadable| Refused::Request(form))
}

/// Writes an answer in the form that was asked for.
pub(super) fn write(
    answer: &impl Serialize,
    headers: &HeaderMap,
    signer: Option<&Signer>,
) -> Result<Response, Refused> {
    let signed = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .flat_map(|accept| accept.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case(JOSE));
    let (form, text) = if signed {
        let signer = signer.ok_or(Refused::NotSigned)?;
        (
            JOSE,
            signer.sign(answer).map_err(|_no_key| Refused::Broken)?,
        )
    } else {
        let text = serde_json::to_string(answer).map_err(|_never| Refused::Broken)?;
        ("application/json", text)
    };
    Ok(([(CONTENT_TYPE, form), (CACHE_CONTROL, "no-store")], text).into_response())
}
