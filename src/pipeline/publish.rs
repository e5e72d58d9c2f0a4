//! Publishes events in windows of confirms, each agency's in their order. One publisher at a time, by
//! a lease in the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::AgencyNo;
use crate::ports::clock::Monotonic;
use crate::ports::event_sink::{EventSink, Window};
use crate::ports::store::{StoreError, Unpublished};
use crate::telemetry::record;

use super::deps::Deps;
use super::gather::Gather;
use super::resting::{Offer, Resting};

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
/// So long an agency's events wait for a publisher that knows it: while the fleet's configuration is
/// changed, one worker knows it before the other. Then they stay in the feed alone.
const UNKNOWN_FOR: Duration = Duration::from_hours(1);
/// Whoever stops publishes for so long at most: the next publisher goes on.
const LAST_ROUNDS: Duration = Duration::from_secs(2);

/// The publisher.
#[derive(Debug)]
pub struct Publisher {
    deps: Arc<Deps>,
    sink: Arc<dyn EventSink>,
    gather: Gather,
    resting: Resting,
    /// Agencies that are not configured here, and since when their events wait.
    unknown: BTreeMap<AgencyNo, Monotonic>,
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
    /// Nothing is left that can be published now.
    Idle,
    /// There may be more at once.
    More,
    /// The broker takes nothing.
    Away,
}

impl Publisher {
    /// Publishes to `sink`.
    pub const fn new(deps: Arc<Deps>, sink: Arc<dyn EventSink>) -> Self {
        Self {
            deps,
            sink,
            gather: Gather::new(MANY, GROWS),
            resting: Resting::new(),
            unknown: BTreeMap::new(),
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
                Ok(Round::Away) => {
                    // The bell would only spin.
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

    /// The last rounds: what the last settlements told can still go; the lease is given up.
    async fn finish(mut self) {
        let until = self.deps.clock.monotonic().plus(LAST_ROUNDS);
        while matches!(self.round().await, Ok(Round::More)) && self.deps.clock.monotonic() < until {
        }
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
            self.resting = Resting::new();
            record::events_held(0);
            return Ok(Round::NotMine);
        }
        if !self.sink.is_ready() {
            self.note().await?;
            return Ok(Round::Away);
        }
        let began = self.deps.clock.monotonic();
        let resting = self.resting.at(began);
        let waiting = self.look(&resting, WINDOW).await?;
        if waiting.is_empty() {
            self.ended(began, &[]);
            return Ok(Round::Idle);
        }
        let offers = self.publish(&waiting).await;
        let upto = waiting.iter().zip(&offers).filter_map(|(some, offer)| {
            let last = some.events.get(offer.taken.checked_sub(1)?)?;
            Some((some.agency, last.sequence))
        });
        self.published = upto.collect();
        // After a full window, or one of which little was offered, the next is there at once.
        let at_once = |offer: &Offer| {
            let full = offer.offered >= WINDOW as usize || offer.offered < offer.waiting;
            full && offer.taken == offer.offered
        };
        if !offers.iter().any(at_once) {
            let events = waiting.iter().map(|some| some.events.len()).sum();
            self.gather.began(began, events);
        }
        self.ended(began, &offers);
        Ok(Round::More)
    }

    /// A round that began then has ended.
    fn ended(&mut self, began: Monotonic, offers: &[Offer]) {
        let now = self.deps.clock.monotonic();
        self.resting.ended(began, now, offers);
        record::events_held(self.resting.events());
    }

    /// Notes what is published, if anything.
    async fn note(&mut self) -> Result<(), StoreError> {
        if !self.published.is_empty() {
            self.look(&[], 0).await?;
        }
        Ok(())
    }

    /// Notes what is published and looks at what comes next of those who do not rest.
    async fn look(
        &mut self,
        resting: &[AgencyNo],
        limit: u32,
    ) -> Result<Vec<Unpublished>, StoreError> {
        let store = &self.deps.store;
        let waiting = store.unpublished(&self.published, resting, limit).await?;
        self.published.clear();
        Ok(waiting)
    }

    /// What became of each agency's events.
    async fn publish(&mut self, waiting: &[Unpublished]) -> Vec<Offer> {
        let offer = |some: &Unpublished| Offer {
            agency: some.agency,
            waiting: some.events.len(),
            offered: some.events.len().min(self.resting.window(some.agency)),
            taken: 0,
        };
        let mut offers: Vec<Offer> = waiting.iter().map(offer).collect();
        let mut windows = Vec::with_capacity(waiting.len());
        let mut known = Vec::with_capacity(waiting.len());
        for (offer, some) in offers.iter_mut().zip(waiting) {
            if let Some(agency) = self.deps.directory.by_no(some.agency) {
                windows.push(Window {
                    agency: &agency.id,
                    events: &some.events[..offer.offered],
                });
                known.push((offer, agency));
            } else {
                let now = self.deps.clock.monotonic();
                let since = *self.unknown.entry(some.agency).or_insert(now);
                if now.since(since) >= UNKNOWN_FOR {
                    offer.taken = offer.offered;
                }
                tracing::warn!(
                    agency.no = some.agency.0,
                    waiting = offer.waiting - offer.taken,
                    kept = offer.taken,
                    "events of an agency that is not in the configuration of this worker wait an \
                     hour; then they are kept in the feed alone"
                );
            }
        }
        let confirmed = self.sink.publish(&windows).await;
        for ((offer, agency), confirmed) in known.into_iter().zip(confirmed) {
            offer.taken = confirmed.min(offer.offered);
            let held = offer.offered - offer.taken;
            record::events(offer.taken, held);
            if held > 0 {
                tracing::warn!(
                    agency.id = %agency.id,
                    waiting = offer.waiting - offer.taken,
                    "events cannot be published; they wait (is the agency's queue there, and not full?)"
                );
            }
        }
        offers
    }
}
