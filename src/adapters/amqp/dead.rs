//! Dead letters: what `budstikke dead list|show|replay` does.
//!
//! A queue has no index: letters are looked at by taking them all and giving back what is not
//! wanted. While one operator looks, another sees the rest.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection};
use sha2::{Digest, Sha256};

use super::error::AmqpError;
use super::events::PERSISTENT;
use super::link::{close, connect};
use super::names;
use super::publisher::{Message, Publisher, Receipt};
use super::sender::as_text;
use super::settings::AmqpSettings;
use super::topology::explain;

/// How long a replay waits for its publishing connection.
const READY_LIMIT: Duration = Duration::from_secs(15);

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

    fn read(message: &BasicGetMessage) -> Self {
        let properties = &message.delivery.properties;
        let headers = properties.headers().as_ref();
        let header = |name: &str| {
            let value = headers.and_then(|headers| headers.inner().get(name))?;
            as_text(value).map(str::to_owned)
        };
        let property = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        let omitted = header(names::HEADER_BODY_BYTES).and_then(|bytes| bytes.parse().ok());
        let mut letter = Self {
            id: String::new(),
            reason: header(names::HEADER_REASON)
                .or_else(|| header("x-first-death-reason"))
                .unwrap_or_else(|| "unknown".to_owned()),
            at: header(names::HEADER_AT),
            queue: header(names::HEADER_QUEUE).or_else(|| header("x-first-death-queue")),
            user: header(names::HEADER_USER).or_else(|| property(properties.user_id())),
            routing_key: message.delivery.routing_key.to_string(),
            message_id: property(properties.message_id()),
            kind: property(properties.kind()),
            body_bytes: omitted.unwrap_or(message.delivery.data.len()),
            body_kept: omitted.is_none(),
            content_type: property(properties.content_type()),
            body: message.delivery.data.clone().into(),
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
    fn replay(&self, own_user: &str) -> Result<Message, ReplayError> {
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

/// The dead letters of the broker.
#[derive(Debug)]
pub struct DeadLetters {
    settings: AmqpSettings,
    connection: Connection,
}

impl DeadLetters {
    /// Connects once; the queue must exist, so `budstikke serve` must have run before.
    ///
    /// # Errors
    /// [`AmqpError`].
    pub async fn connect(settings: AmqpSettings) -> Result<Self, AmqpError> {
        let connection = connect(&settings, "dead letters").await?;
        Ok(Self {
            settings,
            connection,
        })
    }

    /// The oldest `limit` letters; all of them stay.
    ///
    /// # Errors
    /// [`AmqpError`].
    pub async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, AmqpError> {
        let hand = Hand::new(self).await?;
        let mut letters = Vec::new();
        while letters.len() < limit {
            let Some(message) = hand.take().await? else {
                break;
            };
            letters.push(DeadLetter::read(&message));
        }
        hand.put_back().await;
        Ok(letters)
    }

    /// The letter with this id; it stays.
    ///
    /// # Errors
    /// [`ReplayError::NotFound`], [`ReplayError::Broker`].
    pub async fn show(&self, id: &str) -> Result<DeadLetter, ReplayError> {
        let hand = Hand::new(self).await?;
        let found = hand.find(id).await;
        hand.put_back().await;
        found.map(|(letter, _)| letter)
    }

    /// Publishes the letter with this id again, as its sender's, and removes it once the broker
    /// has the copy.
    ///
    /// # Errors
    /// [`ReplayError`]; the letter stays then.
    pub async fn replay(&self, id: &str) -> Result<DeadLetter, ReplayError> {
        let publisher = Publisher::start(self.settings.clone(), None);
        publisher
            .ready(READY_LIMIT)
            .await
            .map_err(ReplayError::NotReady)?;
        let hand = Hand::new(self).await?;
        let replayed = async {
            let (letter, message) = hand.find(id).await?;
            let copy = letter.replay(self.settings.user())?;
            let why = match publisher.publish(&[copy]).await.pop() {
                Some(Receipt::Confirmed) => {
                    hand.remove(&message).await?;
                    return Ok(letter);
                }
                Some(Receipt::Unroutable) => "no queue takes its routing key",
                Some(Receipt::Full) => "its queue is full",
                Some(Receipt::Refused(_)) => "the broker forbids it",
                Some(Receipt::Unknown) | None => "the broker did not confirm the copy",
            };
            let id = letter.id;
            Err(ReplayError::NotTaken { id, why })
        }
        .await;
        hand.put_back().await;
        publisher.close().await;
        replayed
    }

    /// Closes the connection.
    pub async fn close(self) {
        close(&self.connection).await;
    }
}

/// What was taken over one channel; all of it goes back when the channel closes.
struct Hand<'a> {
    channel: Channel,
    settings: &'a AmqpSettings,
}

impl<'a> Hand<'a> {
    async fn new(letters: &'a DeadLetters) -> Result<Self, AmqpError> {
        let settings = &letters.settings;
        let channel = letters
            .connection
            .create_channel()
            .await
            .map_err(|source| AmqpError::Unavailable {
                address: settings.address(),
                source,
            })?;
        Ok(Self { channel, settings })
    }

    async fn take(&self) -> Result<Option<BasicGetMessage>, AmqpError> {
        self.channel
            .basic_get(names::DEAD_QUEUE.into(), BasicGetOptions::default())
            .await
            .map_err(|error| self.explain(error))
    }

    async fn find(&self, id: &str) -> Result<(DeadLetter, BasicGetMessage), ReplayError> {
        while let Some(message) = self.take().await? {
            let letter = DeadLetter::read(&message);
            if letter.id == id {
                return Ok((letter, message));
            }
        }
        Err(ReplayError::NotFound(id.to_owned()))
    }

    async fn remove(&self, message: &BasicGetMessage) -> Result<(), AmqpError> {
        let options = BasicAckOptions { multiple: false };
        match message.delivery.acker.ack(options).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AmqpError::Disturbed {
                address: self.settings.address(),
                what: "the channel closed before the letter was removed".to_owned(),
            }),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// A closed channel gives everything back that it holds.
    async fn put_back(&self) {
        if let Err(error) = self.channel.close(200, "OK".into()).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "channel was gone");
        }
    }

    fn explain(&self, error: lapin::Error) -> AmqpError {
        explain(self.settings, format!("queue {}", names::DEAD_QUEUE), error)
    }
}
