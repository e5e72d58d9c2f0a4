//! Publishes events in windows of confirms, each agency's in their order. One publisher at a time, by
//! a lease in the store.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::AgencyNo;
use crate::ports::clock::Monotonic;
use crate::ports::event_sink::{EventSink, Window};
use crate::ports::store::{StoreError, Unpublished};
use crate::telemetry::record;

use super::deps::Deps;
use super::gather::Gather;

const ROLE: &str = "publisher";
const LEASE: Duration = Duration::from_secs(10);
/// The lease is renewed so often.
const RENEW: Duration = Duration::from_secs(3);
/// Whoever is not the publisher asks for the lease again so often.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A round of so many is a large one.
const MANY: usize = 160;
/// Under load the next round begins so long after the last one.
const GROWS: Duration = Duration::from_millis(100);
/// Events of one agency in one window of confirms at most.
const WINDOW: u32 = 1_000;

/// The publisher.
#[derive(Debug)]
pub struct Publisher {
    deps: Arc<Deps>,
    sink: Arc<dyn EventSink>,
    gather: Gather,
    renewed: Option<Monotonic>,
    /// What is published, up to which sequence of each agency, and not noted yet: it goes along with
    /// the next look. Whoever comes after a crash publishes it again.
    published: Vec<(AgencyNo, i64)>,
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Somebody else is the publisher.
    NotMine,
    /// Nothing is left.
    Idle,
    /// There may be more at once.
    More,
    /// Something could not be published; later.
    Held,
}

impl Publisher {
    /// Publishes to `sink`.
    pub const fn new(deps: Arc<Deps>, sink: Arc<dyn EventSink>) -> Self {
        Self {
            deps,
            sink,
            gather: Gather::new(MANY, GROWS),
            renewed: None,
            published: Vec::new(),
        }
    }

    /// Publishes until `end` is cancelled (later than stopping: events of the last settlements
    /// still go out).
    pub async fn run(mut self, end: tokio_util::sync::CancellationToken) {
        let deps = Arc::clone(&self.deps);
        while !end.is_cancelled() {
            let bell = deps.bells.events.notified();
            let nap = match self.round().await {
                Ok(Round::More) => {
                    let left = self.gather.left(self.deps.clock.monotonic());
                    if !left.is_zero() {
                        self.deps.clock.sleep(left).await;
                    }
                    continue;
                }
                Ok(Round::Idle) => Duration::from_millis(500),
                Ok(Round::NotMine) => {
                    // The bell rings for the publisher; here it would only ask for the lease.
                    tokio::select! {
                        biased;
                        () = end.cancelled() => {}
                        () = self.deps.clock.sleep(ASK_AGAIN) => {}
                    }
                    continue;
                }
                Ok(Round::Held) => {
                    // The bell would only spin while the broker does not take anything.
                    self.deps.clock.sleep(Duration::from_millis(500)).await;
                    continue;
                }
                Err(error) => {
                    record::store_error("publish");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot publish events"
                    );
                    self.deps.clock.sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                () = bell => {}
                () = self.deps.clock.sleep(nap) => {}
            }
        }
        self.finish().await;
    }

    /// The last round: what can still go, goes; the lease is given up.
    async fn finish(mut self) {
        while matches!(self.round().await, Ok(Round::More)) {}
        if let Err(error) = self.note().await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the last events may be published again"
            );
        }
        if let Err(error) = self.deps.store.release(ROLE, self.deps.worker()).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the publisher's lease runs out by itself"
            );
        }
    }

    /// Whether this worker is the publisher. The lease is written now and then, not in every round.
    async fn is_mine(&mut self) -> Result<bool, StoreError> {
        let now = self.deps.clock.monotonic();
        if self.renewed.is_some_and(|at| now.since(at) < RENEW) {
            return Ok(true);
        }
        self.renewed = None;
        let worker = self.deps.worker();
        if self.deps.store.lease(ROLE, worker, LEASE).await? {
            self.renewed = Some(now);
        }
        Ok(self.renewed.is_some())
    }

    async fn round(&mut self) -> Result<Round, StoreError> {
        if !self.is_mine().await? {
            self.published.clear();
            return Ok(Round::NotMine);
        }
        if !self.sink.is_ready() {
            self.note().await?;
            return Ok(Round::Held);
        }
        let began = self.deps.clock.monotonic();
        let waiting = self.look(WINDOW).await?;
        if waiting.is_empty() {
            return Ok(Round::Idle);
        }
        let out = self.publish(&waiting).await;
        let upto = waiting.iter().zip(&out).filter_map(|(some, out)| {
            let last = some.events.get(out.checked_sub(1)?)?;
            Some((some.agency, last.sequence))
        });
        self.published = upto.collect();
        let all = waiting
            .iter()
            .zip(&out)
            .all(|(some, out)| *out == some.events.len());
        let full = |some: &Unpublished| some.events.len() >= WINDOW as usize;
        if !all {
            // What is held is read in vain each time: seldom, but the others go on.
            self.gather.began(began, MANY);
        } else if !waiting.iter().any(full) {
            let events = waiting.iter().map(|some| some.events.len()).sum();
            self.gather.began(began, events);
        }
        Ok(if self.published.is_empty() {
            Round::Held
        } else {
            Round::More
        })
    }

    /// Notes what is published, if anything.
    async fn note(&mut self) -> Result<(), StoreError> {
        if !self.published.is_empty() {
            self.look(0).await?;
        }
        Ok(())
    }

    /// Notes what is published and looks at what comes next.
    async fn look(&mut self, limit: u32) -> Result<Vec<Unpublished>, StoreError> {
        let store = &self.deps.store;
        let waiting = store.unpublished(&self.published, limit).await?;
        self.published.clear();
        Ok(waiting)
    }

    /// How many of each agency's events need not be published any more.
    async fn publish(&self, waiting: &[Unpublished]) -> Vec<usize> {
        // No queue of an agency that is not configured: its events stay in the feed.
        let mut out: Vec<usize> = waiting.iter().map(|some| some.events.len()).collect();
        let known: Vec<_> = waiting
            .iter()
            .enumerate()
            .filter_map(|(i, some)| Some((i, self.deps.directory.by_no(some.agency)?)))
            .collect();
        let windows: Vec<_> = known
            .iter()
            .map(|(i, agency)| Window {
                agency: &agency.id,
                events: &waiting[*i].events,
            })
            .collect();
        let confirmed = self.sink.publish(&windows).await;
        let mut held_in_all = 0;
        for ((i, agency), confirmed) in known.iter().zip(confirmed) {
            let held = out[*i].saturating_sub(confirmed);
            out[*i] -= held;
            held_in_all += held;
            record::events(out[*i], held);
            if held > 0 {
                tracing::warn!(
                    agency.id = %agency.id,
                    waiting = held,
                    "events cannot be published; they wait (is the agency's queue there, and not full?)"
                );
            }
        }
        record::events_held(held_in_all);
        out
    }
}
