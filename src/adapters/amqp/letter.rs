//! One dead letter: what it says, and the message that it becomes again.

use std::fmt;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::BasicGetMessage;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use sha2::{Digest, Sha256};

use super::error::AmqpError;
use super::events::PERSISTENT;
use super::names;
use super::publisher::Message;
use super::sender::{Envelope, as_text, user_of};

/// A dead letter.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeadLetter {
    /// 16 hexadecimal digits, from what the letter says: the same at every look; two letters with
    /// the same content share it.
    pub id: String,
    /// Why it died; for one that the broker gave up itself, its own word, such as `delivery_limit`.
    pub reason: String,
    /// When, RFC 3339; `None` when the broker gave it up itself.
    pub at: Option<String>,
    /// The queue it came from.
    pub queue: Option<String>,
    /// The broker user that sent it; `None` if it did not say.
    pub user: Option<String>,
    /// Its routing key.
    pub routing_key: String,
    /// The sender's message id.
    pub message_id: Option<String>,
    /// `job`, `cancel`, `opened`, or what the sender wrote there.
    pub kind: Option<String>,
    /// Length of the body, in bytes.
    pub body_bytes: usize,
    /// Whether the body was kept.
    pub body_kept: bool,
    #[serde(skip)]
    content_type: Option<String>,
    #[serde(skip)]
    body: Bytes,
}

impl DeadLetter {
    /// The body as it came. Persons may be in it: for the operator who asked, never for a log.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn read(message: &BasicGetMessage, own_user: &str) -> Self {
        let delivery = &message.delivery;
        let properties = &delivery.properties;
        let envelope = Envelope::of(properties, delivery.data.len());
        // What the broker gave up itself has the sender's own headers, which may say anything; what
        // we gave up has ours only. An agency cannot publish to this exchange.
        let by_broker = envelope.has("x-death");
        let header = |name: &str, theirs: &str| {
            let name = if by_broker { theirs } else { name };
            envelope.header(name).and_then(as_text).map(str::to_owned)
        };
        let property = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        let omitted = header(names::HEADER_BODY_BYTES, "").and_then(|bytes| bytes.parse().ok());
        let mut letter = Self {
            id: String::new(),
            reason: header(names::HEADER_REASON, "x-first-death-reason")
                .unwrap_or_else(|| "unknown".to_owned()),
            at: header(names::HEADER_AT, ""),
            queue: header(names::HEADER_QUEUE, "x-first-death-queue"),
            user: if by_broker {
                user_of(Some(own_user), envelope).map(str::to_owned)
            } else {
                header(names::HEADER_USER, "")
            },
            routing_key: delivery.routing_key.to_string(),
            message_id: property(properties.message_id()),
            kind: property(properties.kind()),
            body_bytes: omitted.unwrap_or(delivery.data.len()),
            body_kept: omitted.is_none(),
            content_type: property(properties.content_type()),
            body: delivery.data.clone().into(),
        };
        letter.id = letter.fingerprint();
        letter
    }

    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [
            self.reason.as_str(),
            self.at.as_deref().unwrap_or_default(),
            self.queue.as_deref().unwrap_or_default(),
            self.user.as_deref().unwrap_or_default(),
            &self.routing_key,
            self.message_id.as_deref().unwrap_or_default(),
            self.kind.as_deref().unwrap_or_default(),
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(&self.body);
        hex::encode(&hash.finalize()[..8])
    }

    /// The same message once more. `user_id` is checked against our own log-in, so the original's
    /// user goes in a header, which the consumer believes of us alone.
    pub(super) fn replay(&self, own_user: &str) -> Result<Message, ReplayError> {
        let id = || self.id.clone();
        let user = self
            .user
            .as_deref()
            .ok_or_else(|| ReplayError::NoUser(id()))?;
        if !self.body_kept {
            return Err(ReplayError::NoBody(id()));
        }
        let mut headers = FieldTable::default();
        headers.insert(
            names::HEADER_REPLAYED_USER.into(),
            AMQPValue::LongString(user.into()),
        );
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_user_id(ShortString::try_new(own_user).unwrap_or_default())
            .with_headers(headers);
        let short =
            |value: &Option<String>| value.clone().and_then(|v| ShortString::try_new(v).ok());
        if let Some(value) = short(&self.message_id) {
            properties = properties.with_message_id(value);
        }
        if let Some(value) = short(&self.kind) {
            properties = properties.with_type(value);
        }
        if let Some(value) = short(&self.content_type) {
            properties = properties.with_content_type(value);
        }
        Ok(Message {
            exchange: names::JOBS_EXCHANGE,
            routing_key: self.routing_key.clone(),
            properties,
            body: self.body.clone(),
        })
    }
}

/// Without the body.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DeadLetter({}, {}, {} bytes)",
            self.id, self.reason, self.body_bytes
        )
    }
}

/// Why dead letters could not be looked at or replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] AmqpError),
    /// The publishing connection did not come up.
    #[error("the broker takes no messages")]
    NotReady(#[source] std::sync::Arc<AmqpError>),
    /// No letter has that id.
    #[error("no dead letter has the id {0}; `budstikke dead list` shows them")]
    NotFound(String),
    /// Nobody knows who sent it.
    #[error("dead letter {0} cannot be replayed: it does not say which broker user sent it")]
    NoUser(String),
    /// It was too large to be kept.
    #[error("dead letter {0} cannot be replayed: its body was too large to be kept")]
    NoBody(String),
    /// The broker did not take the copy; the letter stays where it is.
    #[error("dead letter {id} stays: {why}")]
    NotTaken {
        /// Which.
        id: String,
        /// What the broker said.
        why: &'static str,
    },
}
