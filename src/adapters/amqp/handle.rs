//! A message taken from the broker, and how it is settled.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Acker, BasicProperties};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::debug;

use super::burial::Office;
use super::events::PERSISTENT;
use super::in_hand::Body;
use super::ledger::{Frame, Ledger, Verdict};
use super::names;
use super::publisher::Message;
use super::sender::{Directory, Envelope};
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Lane;
use crate::ports::job_source::{Handle, Incoming, MessageKind, Settle};

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

    /// Lets the broker forget it.
    pub(super) fn ack(self) {
        self.tags.note(self.tag, Verdict::Ack, self.acker);
    }

    /// Whether the connection that it came over is still there.
    pub(super) fn may_be_settled(&self) -> bool {
        self.acker.usable()
    }

    /// Where it came from.
    pub(super) fn queue(&self) -> &str {
        &self.origin.queue
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
        office.take(message, copy);
    }

    async fn give_back(self: Box<Self>) {
        self.message.give_back();
    }
}
