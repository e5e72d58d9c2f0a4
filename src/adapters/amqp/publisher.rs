//! Publishing with confirms, over a connection that does nothing else: the broker stops
//! reading connections that publish while it is short of memory or disk, and an acknowledgement on
//! such a connection would be stuck with it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::maybe_done;
use futures::{FutureExt, StreamExt};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event, PublisherConfirm};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;

use super::error::{AmqpError, NOT_FOUND, reply};
use super::link::{Link, LinkState, Session, Traffic, keep, leave, open};
use super::settings::AmqpSettings;
use super::topology::Topology;

/// How long a window of confirms may take.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);
/// So many messages are handed to the client library before it has written the first.
const AT_ONCE: usize = 100;
/// How often the connection is looked at besides its own reports.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A message for the broker.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) exchange: &'static str,
    pub(super) routing_key: String,
    pub(super) properties: BasicProperties,
    pub(super) body: bytes::Bytes,
}

impl Message {
    /// What tells it from the others of its window when the broker sends it back.
    fn mark(&self) -> Mark {
        let id = self.properties.message_id().as_ref();
        Mark {
            exchange: self.exchange.to_owned(),
            routing_key: self.routing_key.clone(),
            id: id.map(|id| id.as_str().to_owned()),
        }
    }
}

/// A message as it can be known again. Two with the same mark are both taken for returned when one
/// of them is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Mark {
    exchange: String,
    routing_key: String,
    id: Option<String>,
}

impl Mark {
    fn of(returned: &BasicReturnMessage) -> Self {
        let id = returned.properties.message_id().as_ref();
        Self {
            exchange: returned.exchange.as_str().to_owned(),
            routing_key: returned.routing_key.as_str().to_owned(),
            id: id.map(|id| id.as_str().to_owned()),
        }
    }
}

/// What is known of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Receipt {
    /// On disk in every queue it was routed to, and in at least one.
    Confirmed,
    /// No queue is bound for its key, or there is no such exchange.
    Unroutable,
    /// A queue did not take it: it is full.
    Full,
    /// The broker forbids it, or something that was sent along with it.
    Refused(String),
    /// It may or may not be there.
    Unknown,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    channel: Mutex<Option<Channel>>,
    /// One window at a time: see [`Publisher::publish`].
    window: tokio::sync::Mutex<()>,
    /// The present connection is of no use any more.
    renew: Notify,
}

/// A connection that publishes with confirms and comes back by itself. Ends when it is dropped.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
}

impl Publisher {
    /// Starts connecting; must be called on a Tokio runtime. Declares `topology` on every new
    /// connection, if there is one.
    pub fn start(settings: AmqpSettings, topology: Option<Topology>) -> Self {
        let shared = Arc::new(Shared {
            link: Link::new(settings, "publisher"),
            channel: Mutex::new(None),
            window: tokio::sync::Mutex::default(),
            renew: Notify::new(),
        });
        let session = PublisherSession {
            shared: Arc::clone(&shared),
            topology,
        };
        tokio::spawn(keep(shared.link.clone(), session));
        Self { shared }
    }

    /// Connected, declared and not blocked.
    pub fn is_ready(&self) -> bool {
        self.shared.link.is_ready()
    }

    /// The settings it was started with.
    pub fn settings(&self) -> &AmqpSettings {
        &self.shared.link.settings
    }

    /// Waits until it is ready, at most `limit`.
    ///
    /// # Errors
    /// Why it never will be, or what has kept it from being ready in time.
    pub async fn ready(&self, limit: Duration) -> Result<(), Arc<AmqpError>> {
        let mut state = self.shared.link.watch();
        let settled = state.wait_for(|state| match state {
            LinkState::Ready | LinkState::Refused(_) | LinkState::Closed => true,
            LinkState::Connecting(_) | LinkState::Blocked => false,
        });
        drop(timeout(limit, settled).await);
        let late = |what: &str| Arc::new(self.shared.link.disturbed(what));
        match self.shared.link.state() {
            LinkState::Ready => Ok(()),
            LinkState::Refused(why) | LinkState::Connecting(Some(why)) => Err(why),
            LinkState::Connecting(None) => Err(late("no connection in time")),
            LinkState::Blocked => Err(late("it is short of memory or disk and takes no messages")),
            LinkState::Closed => Err(late("the connection is closed")),
        }
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.shared.link.close().await;
    }

    /// Publishes all, mandatory, then waits for the confirms: one receipt per message, in order.
    ///
    /// The broker sends back what it cannot route before it confirms it, and the client library
    /// hands each such return out with whichever confirm comes next. So a confirm alone says
    /// nothing about its own message: the returns of a whole window are gathered and matched by
    /// what the messages are. Windows of one channel never overlap, or a return could be handed to
    /// a stranger.
    pub(super) async fn publish(&self, messages: &[Message]) -> Vec<Receipt> {
        let _alone = self.shared.window.lock().await;
        let channel = self.shared.channel.lock().clone();
        let Some(channel) = channel.filter(|_| self.is_ready()) else {
            return vec![Receipt::Unknown; messages.len()];
        };
        let deadline = Instant::now() + CONFIRM_LIMIT;
        let mut confirms = Vec::with_capacity(messages.len());
        for some in messages.chunks(AT_ONCE) {
            match timeout_at(deadline, send_all(&channel, some)).await {
                Ok(sent) => confirms.extend(sent),
                Err(_) => break,
            }
        }
        let mut receipts = Vec::with_capacity(messages.len());
        let mut returned = HashSet::new();
        for confirm in confirms {
            receipts.push(self.receipt(confirm, deadline, &mut returned).await);
        }
        receipts.resize(messages.len(), Receipt::Unknown);
        if receipts.contains(&Receipt::Unknown) {
            // What is still to come on this channel must not meet the next window, and nobody should
            // take the link for ready before there is another one.
            self.shared.channel.lock().take();
            if self.is_ready() {
                self.shared.link.set(LinkState::Connecting(None));
                self.shared.renew.notify_one();
            }
        }
        if !returned.is_empty() {
            for (message, receipt) in messages.iter().zip(&mut receipts) {
                if *receipt == Receipt::Confirmed && returned.contains(&message.mark()) {
                    *receipt = Receipt::Unroutable;
                }
            }
        }
        receipts
    }

    async fn receipt(
        &self,
        confirm: lapin::Result<PublisherConfirm>,
        deadline: Instant,
        returned: &mut HashSet<Mark>,
    ) -> Receipt {
        let mut confirm = match confirm {
            Ok(confirm) => confirm,
            Err(error) => return refused_or_unknown(&error),
        };
        let mut state = self.shared.link.watch();
        let not_ready = state.wait_for(|state| !matches!(state, LinkState::Ready));
        let said = tokio::select! {
            biased;
            said = &mut confirm => Some(said),
            _ = not_ready => confirm.now_or_never(),
            () = tokio::time::sleep_until(deadline) => None,
        };
        match said {
            Some(Ok(Confirmation::Ack(somebodys))) => {
                returned.extend(somebodys.as_ref().map(Mark::of));
                Receipt::Confirmed
            }
            Some(Ok(Confirmation::Nack(somebodys))) => {
                returned.extend(somebodys.as_ref().map(Mark::of));
                Receipt::Full
            }
            Some(Ok(Confirmation::NotRequested)) | None => Receipt::Unknown,
            Some(Err(error)) => refused_or_unknown(&error),
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.link.stop.cancel();
    }
}

/// Publishes in order. The library queues a message when it is first polled, and answers when its own
/// thread has written it: waiting for one after the other makes two changes of threads and a write
/// out of each.
async fn send_all(channel: &Channel, messages: &[Message]) -> Vec<lapin::Result<PublisherConfirm>> {
    let begin = |message| Box::pin(maybe_done(send(channel, message)));
    let mut sending: Vec<_> = messages.iter().map(begin).collect();
    for one in &mut sending {
        let _queued = one.as_mut().now_or_never();
    }
    let mut confirms = Vec::with_capacity(sending.len());
    for mut one in sending {
        one.as_mut().await;
        confirms.extend(one.as_mut().take_output());
    }
    confirms
}

async fn send(channel: &Channel, message: &Message) -> lapin::Result<PublisherConfirm> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let key = match lapin::types::ShortString::try_new(message.routing_key.as_str()) {
        Ok(key) => key,
        Err(long) => return Err(std::io::Error::other(long).into()),
    };
    channel
        .basic_publish(
            message.exchange.into(),
            key,
            options,
            &message.body,
            message.properties.clone(),
        )
        .await
}

fn refused_or_unknown(error: &lapin::Error) -> Receipt {
    match reply(error) {
        Some((NOT_FOUND, _)) => Receipt::Unroutable,
        // Anything from 500 up is about the connection, not about the message (AMQP 0-9-1, 1.2).
        Some((code, text)) if (400..500).contains(&code) || code == 311 => Receipt::Refused(text),
        Some(_) | None => Receipt::Unknown,
    }
}

struct PublisherSession {
    shared: Arc<Shared>,
    topology: Option<Topology>,
}

#[async_trait]
impl Session for PublisherSession {
    fn traffic(&mut self) -> Traffic {
        Traffic::Own
    }

    async fn run(&mut self, connection: &Connection, link: &Link) -> Result<(), AmqpError> {
        let ended = self.serve(connection, link).await;
        let channel = self.shared.channel.lock().take();
        if let (Some(channel), Ok(())) = (channel, &ended) {
            leave(&channel).await;
        }
        ended
    }
}

impl PublisherSession {
    async fn serve(&self, connection: &Connection, link: &Link) -> Result<(), AmqpError> {
        let mut events = connection.events_listener();
        let channel = open(connection, link).await?;
        if let Some(topology) = &self.topology {
            topology.declare(&channel, &link.settings).await?;
        }
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| link.unavailable(error))?;
        *self.shared.channel.lock() = Some(channel);
        // What was asked of the connection before.
        let _asked = self.shared.renew.notified().now_or_never();
        link.set(LinkState::Ready);
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = link.stop.cancelled() => return Ok(()),
                () = self.shared.renew.notified() => {
                    return Err(link.disturbed("confirms did not come; connecting anew"));
                }
                event = events.next() => {
                    if matches!(event, Some(Event::ConnectionUnblocked)) {
                        self.has_channel(link)?;
                    }
                    on_event(event, link)?;
                }
                _ = look.tick() => {
                    alive(connection, link)?;
                    if matches!(link.state(), LinkState::Ready) {
                        self.has_channel(link)?;
                    }
                }
            }
        }
    }

    /// A channel on which a window was cut short is not used again, so a connection that lost its
    /// channel while the broker blocked it has to be made anew.
    fn has_channel(&self, link: &Link) -> Result<(), AmqpError> {
        match *self.shared.channel.lock() {
            Some(_) => Ok(()),
            None => Err(link.disturbed("confirms did not come; connecting anew")),
        }
    }
}

/// What a report of the connection means for the link.
pub(super) fn on_event(event: Option<Event>, link: &Link) -> Result<(), AmqpError> {
    match event {
        Some(Event::Error(error)) => Err(link.unavailable(error)),
        Some(Event::ConnectionBlocked(reason)) => {
            warn!(
                purpose = link.purpose,
                reason, "RabbitMQ takes no messages for now"
            );
            link.set(LinkState::Blocked);
            Ok(())
        }
        Some(Event::ConnectionUnblocked) => {
            link.set(LinkState::Ready);
            Ok(())
        }
        Some(_) => Ok(()),
        None => Err(link.disturbed("the connection ended")),
    }
}

/// The connection's own opinion, in case its report was missed.
pub(super) fn alive(connection: &Connection, link: &Link) -> Result<(), AmqpError> {
    if connection.status().connected() {
        Ok(())
    } else {
        Err(link.disturbed("the connection ended"))
    }
}
