//! Both formats, from the gateway's side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::inbox::Taken;
use crate::adapters::sms::wire::GatewayKind;

/// A message as kind `json` brings it.
#[derive(Deserialize)]
pub(super) struct JsonMessage {
    to: Box<str>,
    from: Box<str>,
    text: Arc<str>,
    reference: Option<Box<str>>,
}

/// A message as kind `kannel` brings it.
#[derive(Deserialize)]
pub(super) struct KannelMessage {
    to: Option<Box<str>>,
    #[serde(default)]
    from: Box<str>,
    text: Option<Arc<str>>,
    #[serde(rename = "dlr-url")]
    dlr_url: Option<String>,
}

/// What came, and where its report goes if it says so itself.
pub(super) struct Arrival {
    pub(super) message: Taken,
    pub(super) report_url: Option<String>,
}

impl From<JsonMessage> for Arrival {
    fn from(message: JsonMessage) -> Self {
        Self {
            message: Taken {
                kind: GatewayKind::Json,
                to: message.to,
                from: message.from,
                text: message.text,
                reference: message.reference,
                id: Box::default(),
                at: Instant::now(),
            },
            report_url: None,
        }
    }
}

impl KannelMessage {
    /// `Err` is Kannel's own line.
    pub(super) fn arrive(self) -> Result<Arrival, &'static str> {
        let to = self.to.ok_or("Missing receiver number, rejected")?;
        let text = self.text.ok_or("Empty text not allowed, rejected")?;
        let reference = self
            .dlr_url
            .as_deref()
            .and_then(|url| {
                url.split(['?', '&'])
                    .find_map(|pair| pair.strip_prefix("ref="))
            })
            .map(Box::from);
        Ok(Arrival {
            message: Taken {
                kind: GatewayKind::Kannel,
                to,
                from: self.from,
                text,
                reference,
                id: Box::default(),
                at: Instant::now(),
            },
            report_url: self.dlr_url,
        })
    }
}

/// The answer to a message that was taken.
pub(super) fn taken(message: &Taken) -> Response {
    match message.kind {
        GatewayKind::Json => Json(json!({ "id": message.id })).into_response(),
        GatewayKind::Kannel => (StatusCode::ACCEPTED, "0: Accepted for delivery").into_response(),
    }
}

/// A 200 that is none.
pub(super) fn error_body(kind: GatewayKind) -> Response {
    match kind {
        GatewayKind::Json => Json(json!({ "error": "no credit" })).into_response(),
        GatewayKind::Kannel => (StatusCode::ACCEPTED, "1: Unknown channel").into_response(),
    }
}

/// The receiver is refused.
pub(super) fn refused(kind: GatewayKind) -> Response {
    let line = match kind {
        GatewayKind::Json => r#"{"error":"not a subscriber"}"#,
        GatewayKind::Kannel => "Number(s) has/have been denied by white- and/or black-lists.",
    };
    (StatusCode::BAD_REQUEST, line).into_response()
}

/// A bare status, with `Retry-After` in whole seconds if given.
pub(super) fn status(code: StatusCode, retry_after: Option<Duration>) -> Response {
    let mut response = code.into_response();
    if let Some(wait) = retry_after {
        let seconds = HeaderValue::from(wait.as_secs());
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}
