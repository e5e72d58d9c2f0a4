//! One consuming connection: two channels, one per lane, with a consumer on every agency's queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use lapin::{Channel, Connection};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::appetite::Appetite;
use super::consuming::Consuming;
use super::error::AmqpError;
use super::handle::{Arrived, Tags};
use super::in_hand::InHand;
use super::link::{Link, LinkState, Session, Traffic};
use super::names;
use super::publisher::{alive, on_event};
use super::topology::Topology;
use crate::domain::kinds::Lane;

/// How often the connection is looked at besides its own reports.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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

/// What is stored at once takes several times its size while it is read: so many bytes of bodies at
/// most, or one.
const AT_ONCE: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
struct Buffer {
    urgent: VecDeque<Arrived>,
    normal: VecDeque<Arrived>,
    /// Of their bodies.
    bytes: usize,
}

impl Buffer {
    fn put(&mut self, message: Arrived) {
        self.bytes += message.size();
        match message.lane() {
            Lane::Urgent => self.urgent.push_back(message),
            Lane::Normal | Lane::Bulk => self.normal.push_back(message),
        }
    }

    /// The next one, the urgent first, if it fits.
    fn next(&mut self, room: usize) -> Option<Arrived> {
        let lane = if self.urgent.is_empty() {
            &mut self.normal
        } else {
            &mut self.urgent
        };
        let message = lane.pop_front_if(|message| message.size() <= room)?;
        self.bytes -= message.size();
        Some(message)
    }
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

    /// Up to `limit` of what has arrived, the urgent first; fewer of large ones.
    pub(super) fn take(&self, limit: usize) -> Vec<Arrived> {
        let mut buffer = self.buffer.lock();
        let mut taken: Vec<_> = buffer.next(usize::MAX).into_iter().collect();
        let mut bytes = taken.first().map_or(0, Arrived::size);
        while taken.len() < limit {
            let Some(message) = buffer.next(AT_ONCE.saturating_sub(bytes)) else {
                break;
            };
            bytes += message.size();
            taken.push(message);
        }
        taken
    }

    /// How many have arrived and were not taken, and whether they are as many as may be taken at once.
    pub(super) fn waiting(&self, limit: usize) -> (usize, bool) {
        let buffer = self.buffer.lock();
        let count = buffer.urgent.len() + buffer.normal.len();
        (count, count >= limit || buffer.bytes >= AT_ONCE)
    }

    /// Sends the acknowledgements that wait.
    pub(super) async fn flush(&self) {
        let channels = self.tags.lock().clone();
        for tags in channels {
            tags.flush().await;
        }
    }

    pub(super) fn put(&self, message: Arrived) {
        self.buffer.lock().put(message);
    }

    /// Lets the broker deliver again what has arrived and was not taken.
    fn give_back(&self) {
        let Buffer { urgent, normal, .. } = std::mem::take(&mut *self.buffer.lock());
        for message in urgent.into_iter().chain(normal) {
            message.give_back();
        }
    }

    /// What the old connection delivered is void: the broker delivers it again.
    fn forget(&self) {
        self.tags.lock().clear();
        *self.buffer.lock() = Buffer::default();
        self.applied.send_replace(None);
    }
}

/// Consumes over one connection after another.
#[derive(Debug)]
pub(super) struct ConsumerSession {
    pub(super) shared: Arc<Shared>,
    pub(super) topology: Topology,
    pub(super) prefetch: u16,
    /// Of the present connection.
    pub(super) in_hand: Arc<InHand>,
}

#[async_trait]
impl Session for ConsumerSession {
    fn traffic(&mut self) -> Traffic {
        self.in_hand = Arc::default();
        Traffic::Foreign(Some(Arc::clone(&self.in_hand)))
    }

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
        let mut consuming = Consuming::new(&self.shared, link, &self.in_hand);
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
                        self.shared.give_back();
                        self.shared.flush().await;
                    }
                }
                mode = now_wanted;
            } else if mode == Mode::Running {
                consuming.adjust();
            }
            self.shared.applied.send_replace(Some(mode));
            tokio::select! {
                () = link.stop.cancelled() => return Ok(()),
                changed = wanted.changed() => if changed.is_err() { return Ok(()) },
                event = events.next() => on_event(event, link)?,
                Some(step) = consuming.next() => consuming.take(step)?,
                () = self.shared.to_settle.notified() => self.shared.flush().await,
                _ = look.tick() => {
                    alive(connection, link)?;
                    consuming.look_again();
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
