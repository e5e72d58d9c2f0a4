//! A message taken from the broker, and how it is settled.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Acker, BasicProperties};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::events::PERSISTENT;
use super::in_hand::Body;
use super::ledger::{Frame, Ledger, Verdict};
use super::names;
use super::publisher::{Message, Publisher, Receipt};
use super::sender::{Directory, Envelope};
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Lane;
use crate::ports::clock::Clock;
use crate::ports::job_source::{Handle, Incoming, MessageKind, Settle};

/// How long a dead letter waits until it is tried again.
const BURIAL_WAIT: Duration = Duration::from_secs(2);
/// How long it is tried: well below the broker's `consumer_timeout` of 30 minutes.
const BURIAL_LIMIT: Duration = Duration::from_secs(600);

/// The deliveries of one channel that wait for their acknowledgement.
#[derive(Debug)]
pub(super) struct Tags {
    ledger: Mutex<Ledger<Acker>>,
    /// Frames must leave in the order in which the ledger gave them.
    sending: tokio::sync::Mutex<()>,
    wake: Arc<Notify>,
}

impl Tags {
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new()),
            sending: tokio::sync::Mutex::new(()),
            wake,
        }
    }

    fn note(&self, tag: u64, verdict: Verdict, acker: Acker) {
        self.ledger.lock().note(tag, verdict, acker);
        self.wake.notify_one();
    }

    /// Sends what was noted. A failure means that the channel is gone: the broker delivers again.
    pub(super) async fn flush(&self) {
        let _order = self.sending.lock().await;
        let frames = self.ledger.lock().take();
        for frame in frames {
            let sent = match frame {
                Frame::GiveBack(acker) => {
                    let options = BasicNackOptions {
                        multiple: false,
                        requeue: true,
                    };
                    acker.nack(options).await
                }
                Frame::Ack(acker) => acker.ack(BasicAckOptions { multiple: false }).await,
                Frame::AckUpTo(acker) => acker.ack(BasicAckOptions { multiple: true }).await,
            };
            if !matches!(sent, Ok(true)) {
                debug!("the channel of an acknowledgement is gone; its messages come again");
                return;
            }
        }
    }
}

/// Where dead letters are handed in.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) publisher: Arc<Publisher>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Office {
    async fn bury(&self, copy: &Message) -> bool {
        let copy = std::slice::from_ref(copy);
        self.publisher.is_ready() && self.publisher.publish(copy).await == [Receipt::Confirmed]
    }
}

/// Tries until the broker has the copy, the connection of the original ends, or it has taken so
/// long that the broker would end it.
async fn bury_later(office: Arc<Office>, message: Arrived, copy: Message) {
    let deadline = Instant::now() + BURIAL_LIMIT;
    while Instant::now() < deadline && message.acker.usable() {
        tokio::time::sleep(BURIAL_WAIT).await;
        if office.bury(&copy).await {
            return message.ack();
        }
    }
    warn!(
        queue = message.origin.queue,
        "a dead letter could not be handed in; its message comes again"
    );
    message.give_back();
}

/// How many of a consumer's messages were neither acknowledged nor given back.
#[derive(Debug, Clone, Default)]
pub(super) struct Unsettled(Arc<AtomicUsize>);

impl Unsettled {
    /// One more.
    pub(super) fn one(&self) -> OneUnsettled {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneUnsettled(Arc::clone(&self.0))
    }

    /// Whether there are none.
    pub(super) fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// One of [`Unsettled`], until it is dropped.
#[derive(Debug)]
pub(super) struct OneUnsettled(Arc<AtomicUsize>);

impl Drop for OneUnsettled {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The queue that a message came from.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) agency: AgencyId,
    pub(super) lane: Lane,
    pub(super) queue: String,
}

/// A message that has arrived and was not handed out yet.
pub(super) struct Arrived {
    origin: Arc<Origin>,
    tags: Arc<Tags>,
    tag: u64,
    acker: Acker,
    routing_key: ShortString,
    properties: BasicProperties,
    body: Bytes,
    /// Counted until it is settled.
    _counted: (OneUnsettled, Body),
}

impl Arrived {
    pub(super) fn new(
        origin: Arc<Origin>,
        tags: Arc<Tags>,
        delivery: Delivery,
        counted: (OneUnsettled, Body),
    ) -> Self {
        Self {
            origin,
            tags,
            tag: delivery.delivery_tag,
            acker: delivery.acker,
            routing_key: delivery.routing_key,
            properties: delivery.properties,
            body: delivery.data.into(),
            _counted: counted,
        }
    }

    pub(super) fn lane(&self) -> Lane {
        self.origin.lane
    }

    /// Of its body, in bytes.
    pub(super) fn size(&self) -> usize {
        self.body.len()
    }

    /// Judges the sender and hands the message out.
    pub(super) fn into_incoming(self, directory: &Directory, office: &Arc<Office>) -> Incoming {
        let envelope = Envelope::of(&self.properties, self.body.len());
        let user = directory.user_of(envelope).map(str::to_owned);
        let (sender, kind) = match directory.judge(&self.origin.agency, envelope) {
            Ok((agency, kind)) => (Ok(agency), kind),
            Err(refusal) => (Err(refusal), MessageKind::Job),
        };
        Incoming {
            sender,
            lane: self.origin.lane,
            kind,
            body: self.body.clone(),
            handle: Handle(Box::new(AmqpHandle {
                message: self,
                user,
                office: Arc::clone(office),
            })),
        }
    }

    /// Lets the broker deliver it again.
    pub(super) fn give_back(self) {
        self.tags.note(self.tag, Verdict::GiveBack, self.acker);
    }

    fn ack(self) {
        self.tags.note(self.tag, Verdict::Ack, self.acker);
    }

    /// The copy for the dead letters. Only what a replay needs goes along: no other header of the
    /// sender's is copied, and a body that is too large to be read is not kept.
    fn obituary(&self, user: Option<String>, reason: &str, at: String) -> Message {
        let mut headers = FieldTable::default();
        let mut note = |name: &str, value: String| {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        note(names::HEADER_REASON, reason.to_owned());
        note(names::HEADER_QUEUE, self.origin.queue.clone());
        note(names::HEADER_AT, at);
        if let Some(user) = user {
            note(names::HEADER_USER, user);
        }
        let kept = self.body.len() <= names::MAX_BODY;
        if !kept {
            note(names::HEADER_BODY_BYTES, self.body.len().to_string());
        }
        let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        if let Some(id) = self.properties.message_id() {
            properties = properties.with_message_id(id.clone());
        }
        if let Some(kind) = self.properties.kind() {
            properties = properties.with_type(kind.clone());
        }
        if let Some(content_type) = self.properties.content_type() {
            properties = properties.with_content_type(content_type.clone());
        }
        Message {
            exchange: names::DEAD_EXCHANGE,
            routing_key: self.routing_key.to_string(),
            properties: properties.with_headers(headers),
            body: if kept {
                self.body.clone()
            } else {
                Bytes::new()
            },
        }
    }
}

/// Neither body nor properties: both are the sender's.
impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Arrived({} #{}, {} bytes)",
            self.origin.queue,
            self.tag,
            self.body.len()
        )
    }
}

/// The broker's handle of a message. Dropped unsettled, the message stays unacknowledged until the
/// connection ends, and is then delivered again. One of a connection that has ended settles
/// nothing: the broker delivers that message again anyway.
#[derive(Debug)]
struct AmqpHandle {
    message: Arrived,
    /// The broker user that sent it.
    user: Option<String>,
    office: Arc<Office>,
}

#[async_trait]
impl Settle for AmqpHandle {
    async fn ack(self: Box<Self>) {
        self.message.ack();
    }

    async fn dead_letter(self: Box<Self>, reason: &str) {
        let Self {
            message,
            user,
            office,
        } = *self;
        let copy = message.obituary(user, reason, office.clock.now().to_string());
        if office.bury(&copy).await {
            message.ack();
        } else {
            // Nobody else's messages wait for the publishing connection.
            tokio::spawn(bury_later(office, message, copy));
        }
    }

    async fn give_back(self: Box<Self>) {
        self.message.give_back();
    }
}
