//! Jobs in: [`JobSource`] over RabbitMQ (contract section 3; ).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use super::buffer::Buffer;
use super::burial::Office;
use super::error::AmqpError;
use super::in_hand::InHand;
use super::link::{Link, LinkState, keep};
use super::names;
use super::publisher::Publisher;
use super::sender::Directory;
use super::session::{ConsumerSession, Mode, Shared};
use super::settings::AmqpSettings;
use super::topology::Topology;
use crate::domain::kinds::Lane;
use crate::ports::clock::Clock;
use crate::ports::job_source::{Handle, Incoming, JobSource, SourceError};

/// How long [`JobSource::pause`], [`JobSource::resume`] and [`JobSource::stop`] wait until the
/// broker has said yes. The wish stands afterwards all the same.
const APPLY_LIMIT: Duration = Duration::from_secs(10);

/// How many messages the broker sends ahead per queue, 1–2,000 (the most that a quorum queue
/// allows). Twice what intake stores at once: the one half comes while the other is being stored.
/// Of large ones fewer are asked for, so that their bodies take about 8 MiB in all urgent queues and
/// 24 MiB in the others, going by what came lately; all of it comes again after a disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefetch(pub u16);

impl Default for Prefetch {
    fn default() -> Self {
        Self(1_000)
    }
}

/// After a batch of so many the next one may grow.
const LARGE: usize = 50;
/// It grows in steps of so long.
const STEP: Duration = Duration::from_millis(2);
/// Until so many in a row bring nothing: on a busy machine messages come in bursts.
const QUIET: usize = 2;
/// And for so many steps at most.
const STEPS: usize = 8;

/// Consumes every agency's two queues, each lane over a connection of its own: where more large
/// messages wait than there is room for, nothing is read, and the urgent ones must not wait behind them.
/// Ends when it is dropped.
#[derive(Debug)]
pub struct AmqpJobs {
    wanted: watch::Sender<Mode>,
    buffer: Arc<Buffer>,
    /// The urgent one first.
    lanes: [Arc<Shared>; 2],
    directory: Directory,
    office: Arc<Office>,
    /// How many the last batch held.
    last: AtomicUsize,
}

/// A lane's connection, as the broker lists it, and what should wait in memory of its messages at
/// most, in bytes of bodies: what is urgent is short.
const fn connection_of(lane: Lane) -> (&'static str, usize) {
    match lane {
        Lane::Urgent => ("urgent jobs", 8 * 1024 * 1024),
        Lane::Normal | Lane::Bulk => ("normal jobs", 24 * 1024 * 1024),
    }
}

impl AmqpJobs {
    /// Starts connecting and consuming; must be called on a Tokio runtime. Dead letters go through
    /// `publisher`, which has a connection of its own.
    pub fn start(
        settings: &AmqpSettings,
        topology: &Topology,
        prefetch: Prefetch,
        publisher: Arc<Publisher>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let wanted = watch::Sender::new(Mode::Running);
        let buffer = Arc::<Buffer>::default();
        let lanes = names::LANES.map(|lane| {
            let (purpose, room) = connection_of(lane);
            let link = Link::new(settings.clone(), purpose);
            let shared = Shared::new(lane, link, wanted.clone(), Arc::clone(&buffer));
            let shared = Arc::new(shared);
            let session = ConsumerSession {
                shared: Arc::clone(&shared),
                topology: topology.clone(),
                prefetch: prefetch.0.clamp(1, 2_000),
                room,
                in_hand: Arc::new(InHand::beyond(room)),
            };
            tokio::spawn(keep(shared.link.clone(), session));
            shared
        });
        Self {
            wanted,
            buffer,
            lanes,
            directory: Directory::new(topology.agencies(), settings.user()),
            office: Arc::new(Office::open(publisher, clock)),
            last: AtomicUsize::new(0),
        }
    }

    /// Under load the broker is about to send as many as were just acknowledged: waiting for them
    /// halves the number of commits. Once a queue's prefetch is here, that is a large batch.
    async fn gather(&self, limit: usize) {
        if self.last.swap(0, Ordering::Relaxed) < LARGE {
            return;
        }
        let ahead = self
            .lanes
            .each_ref()
            .map(|lane| lane.ahead.load(Ordering::Relaxed));
        let full = limit.min(ahead.into_iter().max().unwrap_or(0));
        let (mut seen, mut is_full) = self.buffer.waiting(full);
        let mut quiet = 0;
        for _ in 0..STEPS {
            if is_full || quiet == QUIET {
                return;
            }
            tokio::time::sleep(STEP).await;
            let waiting;
            (waiting, is_full) = self.buffer.waiting(full);
            quiet = if waiting > seen { 0 } else { quiet + 1 };
            seen = waiting;
        }
    }

    /// Sends the acknowledgements that wait and closes the connections; what was handed out and not
    /// settled is delivered again.
    pub async fn close(&self) {
        let [urgent, normal] = &self.lanes;
        tokio::join!(urgent.link.close(), normal.link.close());
    }

    async fn switch(&self, to: Mode) {
        // Stopped is for good: a pause or resume that comes late must not undo it.
        let switched = self.wanted.send_if_modified(|mode| {
            let goes = *mode != Mode::Stopped && *mode != to;
            if goes {
                *mode = to;
            }
            goes
        });
        if !switched {
            return;
        }
        let [urgent, normal] = &self.lanes;
        let switched = async { tokio::join!(until_in(urgent, to), until_in(normal, to)) };
        if timeout(APPLY_LIMIT, switched).await.is_err() {
            warn!(
                ?to,
                "RabbitMQ has not answered in time; consumers change when it does"
            );
        }
    }
}

/// Waits until a lane is in the mode.
async fn until_in(lane: &Shared, to: Mode) {
    let mut state = lane.link.watch();
    let mut applied = lane.applied.subscribe();
    tokio::select! {
        // Ended channels mean that the source ended.
        _ = applied.wait_for(|mode| *mode == Some(to)) => {}
        // Not connected: the next connection begins in the new mode.
        _ = state.wait_for(|state| !is_connected(state)) => {}
    }
}

const fn is_connected(state: &LinkState) -> bool {
    match state {
        LinkState::Ready | LinkState::Blocked => true,
        LinkState::Connecting(_) | LinkState::Refused(_) | LinkState::Closed => false,
    }
}

impl Drop for AmqpJobs {
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.link.stop.cancel();
        }
    }
}

#[async_trait]
impl JobSource for AmqpJobs {
    async fn next(&self, limit: usize) -> Result<Vec<Incoming>, SourceError> {
        let mut wanted = self.wanted.subscribe();
        let [mut urgent, mut normal] = self.lanes.each_ref().map(|lane| lane.link.watch());
        self.gather(limit).await;
        loop {
            let mut arrived = std::pin::pin!(self.buffer.arrived.notified());
            arrived.as_mut().enable();
            let mode = *wanted.borrow_and_update();
            match mode {
                Mode::Stopped => {
                    self.office.done().await;
                    return Ok(Vec::new());
                }
                Mode::Running => {
                    let taken = self.buffer.take(limit.max(1));
                    if !taken.is_empty() {
                        self.last.store(taken.len(), Ordering::Relaxed);
                        return Ok(taken
                            .into_iter()
                            .map(|message| message.into_incoming(&self.directory, &self.office))
                            .collect());
                    }
                }
                Mode::Paused => {}
            }
            for state in [&mut urgent, &mut normal] {
                match &*state.borrow_and_update() {
                    LinkState::Refused(why) => return Err(refused(why)),
                    LinkState::Closed => return Ok(Vec::new()),
                    LinkState::Connecting(_) | LinkState::Ready | LinkState::Blocked => {}
                }
            }
            // Whichever it is, look again; the senders live as long as `self`.
            tokio::select! {
                () = arrived => {}
                _ = wanted.changed() => {}
                _ = urgent.changed() => {}
                _ = normal.changed() => {}
            }
        }
    }

    async fn ack_all(&self, handles: Vec<Handle>) {
        for handle in handles {
            handle.0.ack().await;
        }
        for lane in &self.lanes {
            lane.flush().await;
        }
    }

    async fn pause(&self) {
        self.switch(Mode::Paused).await;
    }

    async fn resume(&self) {
        self.switch(Mode::Running).await;
    }

    async fn stop(&self) {
        self.switch(Mode::Stopped).await;
        for lane in &self.lanes {
            if !is_connected(&lane.link.state()) {
                // What was handed out over a connection that is gone cannot be settled any more.
                lane.link.stop.cancel();
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.lanes.iter().all(|lane| lane.link.is_ready())
    }
}

fn refused(why: &Arc<AmqpError>) -> SourceError {
    SourceError::Refused {
        reason: why.to_string(),
        source: Box::new(Arc::clone(why)),
    }
}
