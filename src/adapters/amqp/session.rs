//! One consuming connection: a consumer on every agency's queue of one lane.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use lapin::{Channel, Connection, Event};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::appetite::Appetite;
use super::buffer::Buffer;
use super::consuming::Consuming;
use super::error::AmqpError;
use super::handle::Tags;
use super::in_hand::InHand;
use super::link::{Link, LinkState, Session, Traffic, leave, open};
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

/// What the source and one of its sessions share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whose queues are consumed.
    pub(super) lane: Lane,
    pub(super) link: Link,
    /// The same for every lane.
    pub(super) wanted: watch::Sender<Mode>,
    /// The mode that the present connection is in; `None` without one.
    pub(super) applied: watch::Sender<Option<Mode>>,
    /// How many messages the broker sends ahead per queue.
    pub(super) ahead: AtomicUsize,
    /// The same for every lane.
    pub(super) buffer: Arc<Buffer>,
    /// Of the present connection.
    tags: Mutex<Option<Arc<Tags>>>,
    to_settle: Arc<Notify>,
}

impl Shared {
    pub(super) fn new(
        lane: Lane,
        link: Link,
        wanted: watch::Sender<Mode>,
        buffer: Arc<Buffer>,
    ) -> Self {
        Self {
            lane,
            link,
            wanted,
            applied: watch::Sender::new(None),
            ahead: AtomicUsize::new(0),
            buffer,
            tags: Mutex::default(),
            to_settle: Arc::default(),
        }
    }

    /// Sends the acknowledgements that wait.
    pub(super) async fn flush(&self) {
        let tags = self.tags.lock().clone();
        if let Some(tags) = tags {
            tags.flush().await;
        }
    }

    /// Lets the broker deliver again what has arrived and was not taken.
    fn give_back(&self) {
        for message in self.buffer.clear(self.lane) {
            message.give_back();
        }
    }

    /// What the old connection delivered is void: the broker delivers it again.
    fn forget(&self) {
        self.tags.lock().take();
        drop(self.buffer.clear(self.lane));
        self.applied.send_replace(None);
    }
}

/// Consumes over one connection after another.
#[derive(Debug)]
pub(super) struct ConsumerSession {
    pub(super) shared: Arc<Shared>,
    pub(super) topology: Topology,
    pub(super) prefetch: u16,
    /// What should wait in memory at most, in bytes of bodies.
    pub(super) room: usize,
    /// Of the present connection.
    pub(super) in_hand: Arc<InHand>,
}

#[async_trait]
impl Session for ConsumerSession {
    fn traffic(&mut self) -> Traffic {
        self.in_hand = Arc::new(InHand::beyond(self.room));
        Traffic::Foreign(Some(Arc::clone(&self.in_hand)))
    }

    async fn run(&mut self, connection: &Connection, link: &Link) -> Result<(), AmqpError> {
        let ended = self.serve(connection, link).await;
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
        let events = connection.events_listener();
        let declaring = open(connection, link).await?;
        self.topology.declare(&declaring, &link.settings).await?;
        leave(&declaring).await;
        let channel = open(connection, link).await?;
        let ended = self.consume(connection, events, &channel).await;
        self.shared.flush().await;
        if ended.is_ok() {
            leave(&channel).await;
        }
        ended
    }

    async fn consume(
        &self,
        connection: &Connection,
        mut events: impl Stream<Item = Event> + Send + Unpin,
        channel: &Channel,
    ) -> Result<(), AmqpError> {
        let link = &self.shared.link;
        let tags = Arc::new(Tags::new(Arc::clone(&self.shared.to_settle)));
        *self.shared.tags.lock() = Some(Arc::clone(&tags));
        let agencies = self.topology.agencies();
        let appetite = Appetite::new(self.prefetch, self.room, agencies.len());
        let mut consuming = Consuming::new(&self.shared, &self.in_hand, channel, &tags);
        let mut wanted = self.shared.wanted.subscribe();
        let mut mode = Mode::Paused;
        let mut look = tokio::time::interval(LOOK_EVERY);
        link.set(LinkState::Ready);
        loop {
            let now_wanted = *wanted.borrow_and_update();
            if now_wanted != mode {
                match now_wanted {
                    Mode::Running => consuming.begin(agencies, appetite).await?,
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
