//! A complete answer of a gateway, whoever has read it from the wire, and what it means.

use bytes::Bytes;

use super::http::answer::{Answer, AnswerBody, Exchange};
use super::http::client::LONGEST_ANSWER;
use super::json::{self, JsonSettings};
use super::kannel;
use super::wire::GatewayKind;
use crate::adapters::https::retry_after;
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;

/// What a gateway answered over HTTP. Not printable: a gateway may repeat number and text in it.
#[expect(
    missing_debug_implementations,
    reason = "number and text may be in the body"
)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header `Retry-After`, as it stands there.
    pub retry_after: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

/// What `reply`, complete at `now`, means for the message that it answers. `settings` counts for
/// gateways of kind `json`.
pub fn classify(
    kind: GatewayKind,
    settings: &JsonSettings,
    reply: Reply,
    now: Timestamp,
) -> Outcome {
    let exchange = Exchange::Answered(Answer {
        status: reply.status,
        retry_after: reply
            .retry_after
            .and_then(|value| retry_after::parse(&value, now)),
        body: if reply.body.len() > LONGEST_ANSWER {
            AnswerBody::TooLong
        } else {
            AnswerBody::Complete(reply.body)
        },
    });
    match kind {
        GatewayKind::Json => json::classify(&exchange, settings),
        GatewayKind::Kannel => kannel::classify(&exchange),
    }
}
