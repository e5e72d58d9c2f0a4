//! One consuming connection: two channels, one per lane, with a consumer on every agency's queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::appetite::Appetite;
use super::error::AmqpError;
use super::handle::{Arrived, Origin, Tags, Unsettled};
use super::link::{Link, LinkState, Session};
use super::names;
use super::publisher::{alive, on_event};
use super::topology::{AgencyRoute, Topology, explain};
use crate::domain::kinds::Lane;

/// How often the connection is looked at besides its own reports.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the broker may take to end the consumers.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);
/// How many deliveries are moved before anything else is looked at.
const GULP: usize = 256;

/// What the owner wants of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Running,
    Paused,
    Stopped,
}

/// What the source and its session share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) link: Link,
    pub(super) wanted: watch::Sender<Mode>,
    /// The mode that the present connection is in; `None` without one.
    pub(super) applied: watch::Sender<Option<Mode>>,
    pub(super) arrived: Notify,
    /// How many messages the broker sends ahead per queue.
    pub(super) ahead: AtomicUsize,
    buffer: Mutex<Buffer>,
    tags: Mutex<Vec<Arc<Tags>>>,
    to_settle: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Buffer {
    urgent: VecDeque<Arrived>,
    normal: VecDeque<Arrived>,
}

impl Shared {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            wanted: watch::Sender::new(Mode::Running),
            applied: watch::Sender::new(None),
            arrived: Notify::new(),
            ahead: AtomicUsize::new(0),
            buffer: Mutex::default(),
            tags: Mutex::default(),
            to_settle: Arc::default(),
        }
    }

    /// Up to `limit` of what has arrived, the urgent first.
    pub(super) fn take(&self, limit: usize) -> Vec<Arrived> {
        let mut buffer = self.buffer.lock();
        let urgent = limit.min(buffer.urgent.len());
        let normal = (limit - urgent).min(buffer.normal.len());
        let mut taken: Vec<_> = buffer.urgent.drain(..urgent).collect();
        taken.extend(buffer.normal.drain(..normal));
        taken
    }

    /// How many have arrived and were not taken.
    pub(super) fn waiting(&self) -> usize {
        let buffer = self.buffer.lock();
        buffer.urgent.len() + buffer.normal.len()
    }

    /// Sends the acknowledgements that wait.
    pub(super) async fn flush(&self) {
        let channels = self.tags.lock().clone();
        for tags in channels {
            tags.flush().await;
        }
    }

    fn put(&self, message: Arrived) {
        let mut buffer = self.buffer.lock();
        match message.lane() {
            Lane::Urgent => buffer.urgent.push_back(message),
            Lane::Normal | Lane::Bulk => buffer.normal.push_back(message),
        }
    }

    /// What the old connection delivered is void: the broker delivers it again.
    fn forget(&self) {
        self.tags.lock().clear();
        *self.buffer.lock() = Buffer::default();
        self.applied.send_replace(None);
    }
}

type Item = (Arc<Source>, Option<lapin::Result<Delivery>>);

/// One consumer.
#[derive(Debug)]
struct Source {
    origin: Arc<Origin>,
    tags: Arc<Tags>,
    channel: Channel,
    consumer_tag: ShortString,
    appetite: Mutex<Appetite>,
    /// Its messages that are not settled.
    open: Unsettled,
    /// Those of the consumer whose place it took.
    before: Unsettled,
}

impl Source {
    /// Whether another consumer should take its place, with another prefetch. What a consumer has
    /// fetched stays with us when it ends, so that never more than two prefetches of a queue are out.
    fn successor(&self) -> Option<Appetite> {
        let appetite = self.appetite.lock().changed()?;
        self.before.is_none().then_some(appetite)
    }

    /// Ends it; what was under way still comes.
    async fn cancel(&self, link: &Link) -> Result<(), AmqpError> {
        self.channel
            .basic_cancel(self.consumer_tag.clone(), BasicCancelOptions::default())
            .await
            .map_err(|error| link.unavailable(error))
    }
}

/// Consumes over one connection after another.
#[derive(Debug)]
pub(super) struct ConsumerSession {
    pub(super) shared: Arc<Shared>,
    pub(super) topology: Topology,
    pub(super) prefetch: u16,
}

#[async_trait]
impl Session for ConsumerSession {
    async fn run(&mut self, connection: &Connection, link: &Link) -> Result<(), AmqpError> {
        let ended = self.serve(connection, link).await;
        self.shared.flush().await;
        self.shared.forget();
        match ended {
            // Whatever was handed out cannot be settled any more: nothing is left to do.
            Err(_) if *self.shared.wanted.borrow() == Mode::Stopped => Ok(()),
            ended => ended,
        }
    }
}

impl ConsumerSession {
    async fn serve(&self, connection: &Connection, link: &Link) -> Result<(), AmqpError> {
        let mut events = connection.events_listener();
        let declaring = open(connection, link).await?;
        self.topology.declare(&declaring, &link.settings).await?;
        let mut lanes = Vec::with_capacity(names::LANES.len());
        for lane in names::LANES {
            let channel = open(connection, link).await?;
            let tags = Arc::new(Tags::new(Arc::clone(&self.shared.to_settle)));
            self.shared.tags.lock().push(Arc::clone(&tags));
            lanes.push((lane, channel, tags));
        }
        let mut consuming = Consuming {
            shared: &self.shared,
            link,
            streams: SelectAll::new(),
            sources: Vec::new(),
            hungry: false,
        };
        let queues = lanes.len() * self.topology.agencies().len();
        let appetite = Appetite::new(self.prefetch, queues);
        let mut wanted = self.shared.wanted.subscribe();
        let mut mode = Mode::Paused;
        let mut look = tokio::time::interval(LOOK_EVERY);
        link.set(LinkState::Ready);
        loop {
            let now_wanted = *wanted.borrow_and_update();
            if now_wanted != mode {
                match now_wanted {
                    Mode::Running => {
                        consuming
                            .begin(&lanes, self.topology.agencies(), appetite)
                            .await?;
                    }
                    Mode::Paused => consuming.end().await?,
                    Mode::Stopped => {
                        consuming.end().await?;
                        for message in self.shared.take(usize::MAX) {
                            message.give_back();
                        }
                        self.shared.flush().await;
                    }
                }
                mode = now_wanted;
            } else if mode == Mode::Running {
                consuming.adjust().await?;
            }
            self.shared.applied.send_replace(Some(mode));
            tokio::select! {
                () = link.stop.cancelled() => return Ok(()),
                changed = wanted.changed() => if changed.is_err() { return Ok(()) },
                event = events.next() => on_event(event, link)?,
                Some(item) = consuming.streams.next() => consuming.take(item)?,
                () = self.shared.to_settle.notified() => self.shared.flush().await,
                _ = look.tick() => {
                    alive(connection, link)?;
                    consuming.hungry = true;
                }
            }
        }
    }
}

async fn open(connection: &Connection, link: &Link) -> Result<Channel, AmqpError> {
    connection
        .create_channel()
        .await
        .map_err(|error| link.unavailable(error))
}

struct Consuming<'a> {
    shared: &'a Arc<Shared>,
    link: &'a Link,
    streams: SelectAll<BoxStream<'static, Item>>,
    sources: Vec<Arc<Source>>,
    /// Some queue's prefetch may have to change.
    hungry: bool,
}

impl Consuming<'_> {
    async fn begin(
        &mut self,
        lanes: &[(Lane, Channel, Arc<Tags>)],
        agencies: &[AgencyRoute],
        appetite: Appetite,
    ) -> Result<(), AmqpError> {
        for (lane, channel, tags) in lanes {
            for AgencyRoute { agency, .. } in agencies {
                let origin = Arc::new(Origin {
                    agency: agency.clone(),
                    lane: *lane,
                    queue: names::jobs_queue(agency, *lane),
                });
                let (tags, before) = (Arc::clone(tags), Unsettled::default());
                self.consume(origin, channel, tags, appetite, before)
                    .await?;
            }
        }
        Ok(())
    }

    /// Begins one consumer.
    async fn consume(
        &mut self,
        origin: Arc<Origin>,
        channel: &Channel,
        tags: Arc<Tags>,
        appetite: Appetite,
        before: Unsettled,
    ) -> Result<(), AmqpError> {
        // For the consumers that begin after it, each for itself.
        channel
            .basic_qos(appetite.prefetch(), BasicQosOptions { global: false })
            .await
            .map_err(|error| self.link.unavailable(error))?;
        let queue = &origin.queue;
        let consumer = channel
            .basic_consume(
                queue.as_str().into(),
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| explain(&self.link.settings, format!("queue {queue}"), error))?;
        let source = Arc::new(Source {
            origin,
            tags,
            channel: channel.clone(),
            consumer_tag: consumer.tag(),
            appetite: Mutex::new(appetite),
            open: Unsettled::default(),
            before,
        });
        self.sources.push(Arc::clone(&source));
        let items = consumer
            .map(Some)
            .chain(futures::stream::once(async { None }))
            .map(move |item| (Arc::clone(&source), item));
        self.streams.push(items.boxed());
        let ahead = self.sources.iter().map(|s| s.appetite.lock().prefetch());
        (self.shared.ahead).store(ahead.max().unwrap_or(0).into(), Ordering::Relaxed);
        Ok(())
    }

    /// Asks for more or fewer messages ahead where they turned out small or large.
    async fn adjust(&mut self) -> Result<(), AmqpError> {
        if !std::mem::take(&mut self.hungry) {
            return Ok(());
        }
        let changes: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| Some((Arc::clone(source), source.successor()?)))
            .collect();
        for (source, appetite) in changes {
            self.sources.retain(|one| !Arc::ptr_eq(one, &source));
            source.cancel(self.link).await?;
            let (origin, tags) = (Arc::clone(&source.origin), Arc::clone(&source.tags));
            let before = source.open.clone();
            self.consume(origin, &source.channel, tags, appetite, before)
                .await?;
        }
        Ok(())
    }

    /// Cancels the consumers and takes what was under way.
    async fn end(&mut self) -> Result<(), AmqpError> {
        for source in std::mem::take(&mut self.sources) {
            source.cancel(self.link).await?;
        }
        let deadline = Instant::now() + CANCEL_LIMIT;
        loop {
            match timeout_at(deadline, self.streams.next()).await {
                Ok(Some((source, item))) => self.accept(source, item)?,
                Ok(None) => return Ok(()),
                Err(_) => return Err(self.link.disturbed("the consumers did not end in time")),
            }
        }
    }

    /// Takes `first` and what else has arrived meanwhile, without waiting.
    fn take(&mut self, first: Item) -> Result<(), AmqpError> {
        let (source, item) = first;
        self.accept(source, item)?;
        for _ in 0..GULP {
            let Some(Some((source, item))) = self.streams.next().now_or_never() else {
                break;
            };
            self.accept(source, item)?;
        }
        self.shared.arrived.notify_waiters();
        Ok(())
    }

    fn accept(
        &mut self,
        source: Arc<Source>,
        item: Option<lapin::Result<Delivery>>,
    ) -> Result<(), AmqpError> {
        match item {
            Some(Ok(delivery)) => {
                source.appetite.lock().came(delivery.data.len());
                self.hungry |= source.successor().is_some();
                let origin = Arc::clone(&source.origin);
                let tags = Arc::clone(&source.tags);
                let open = source.open.one();
                self.shared.put(Arrived::new(origin, tags, delivery, open));
                Ok(())
            }
            Some(Err(error)) => Err(self.link.unavailable(error)),
            // We cancel only what we have struck off the list before.
            None if self.sources.iter().any(|one| Arc::ptr_eq(one, &source)) => {
                let queue = &source.origin.queue;
                Err(self
                    .link
                    .disturbed(format!("the broker ended the consumer of queue {queue}")))
            }
            None => Ok(()),
        }
    }
}
