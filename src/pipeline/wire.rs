//! Puts intended tries on the wire, each in its slot, and hands the outcome on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Semaphore;

use crate::domain::outcome::{Fault, Outcome};
use crate::domain::plan::{self, Verdict};
use crate::ports::clock::Monotonic;
use crate::telemetry::record;

use super::deps::{Deps, Route};
use super::gate::case;
use super::ready::Ready;
use super::settle::{Settler, after_try, forfeit};

/// Tries may queue for a free request so long; with quick gateways that makes larger batches.
const QUEUE_FOR: f64 = 0.030;

/// The longest queue, as a multiple of the requests in flight.
const QUEUE_AT_MOST: f64 = 8.0;

/// A gateway is left alone for so long when it refuses us and does not say for how long.
const PAUSE: Duration = Duration::from_secs(5);

/// A route with what this process knows of it.
#[derive(Debug)]
pub struct Line {
    /// The route.
    pub route: Route,
    requests: Semaphore,
    in_flight: AtomicUsize,
    /// Exponentially weighted mean of the time a submit takes, in microseconds.
    mean_micros: AtomicU64,
    paused_until: AtomicU64,
    busy_until: AtomicU64,
    /// Turns owed to the line, in messages times weight.
    credit: AtomicI64,
}

impl Line {
    /// A line that nothing is known of.
    pub fn new(route: Route) -> Self {
        Self {
            requests: Semaphore::new(route.gateway.concurrency().max(1)),
            in_flight: AtomicUsize::new(0),
            mean_micros: AtomicU64::new(20_000),
            paused_until: AtomicU64::new(0),
            busy_until: AtomicU64::new(0),
            credit: AtomicI64::new(0),
            route,
        }
    }

    /// How many more tries may be intended, and how many make a batch worth its commit.
    pub fn room(&self) -> (usize, usize) {
        let requests = self.route.gateway.concurrency().max(1) as f64;
        let mean = self.mean_micros.load(Ordering::Relaxed).max(1) as f64 / 1e6;
        let queue = requests * (QUEUE_FOR / mean).clamp(0.0, QUEUE_AT_MOST);
        let slots = self.route.rate.per_second().min(2_000.0) * 0.25;
        let limit = (requests + queue.min(2_000.0)).min(requests.max(1.0) + slots.max(1.0) * 4.0);
        let limit = limit.ceil() as usize;
        (
            limit.saturating_sub(self.in_flight.load(Ordering::Relaxed)),
            (limit / 4).max(1),
        )
    }

    /// One more is on its way.
    pub fn took_off(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    fn landed(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    fn took(&self, time: Duration) {
        let new = u64::try_from(time.as_micros())
            .unwrap_or(u64::MAX)
            .min(60_000_000);
        let old = self.mean_micros.load(Ordering::Relaxed);
        self.mean_micros
            .store((old * 7 + new) / 8, Ordering::Relaxed);
    }

    /// Whether this process leaves the line alone for now.
    pub fn is_paused(&self, now: Monotonic) -> bool {
        self.paused_until.load(Ordering::Relaxed) > now.0
    }

    /// How long until the line can be used again; `None`: now.
    pub fn free_again(&self, now: Monotonic) -> Option<Duration> {
        let paused = self.paused_until.load(Ordering::Relaxed);
        let until = Monotonic(paused.max(self.busy_until.load(Ordering::Relaxed)));
        (until > now).then(|| until.since(now))
    }

    /// No slot is within reach before then.
    pub fn busy_until(&self, until: Monotonic) {
        self.busy_until.store(until.0, Ordering::Relaxed);
    }

    /// How far the line is behind its share; the largest goes next.
    pub fn credit(&self) -> i64 {
        self.credit.load(Ordering::Relaxed)
    }

    /// Its share of `messages` that some line took.
    pub fn earn(&self, messages: usize, weight: u32) {
        let share = i64::try_from(messages)
            .unwrap_or(i64::MAX / 4096)
            .saturating_mul(weight.into());
        // A line that was paused for long does not take everything afterwards.
        let bound = i64::from(weight) * 10_000;
        let credit = self.credit.load(Ordering::Relaxed).saturating_add(share);
        self.credit.store(credit.min(bound), Ordering::Relaxed);
    }

    /// What it took itself, at the weight of all.
    pub fn pay(&self, messages: usize, total: u32) {
        let price = i64::try_from(messages)
            .unwrap_or(i64::MAX / 4096)
            .saturating_mul(total.into());
        self.credit.fetch_sub(price, Ordering::Relaxed);
    }

    /// Leaves the line alone until then.
    pub fn pause_until(&self, until: Monotonic) {
        self.paused_until.fetch_max(until.0, Ordering::Relaxed);
    }
}

/// One try between its intent and its outcome.
#[derive(Debug)]
pub struct Flight {
    /// What it works with.
    pub deps: Arc<Deps>,
    /// Where it goes.
    pub line: Arc<Line>,
    /// Where the outcome goes.
    pub settler: Settler,
    /// What goes.
    pub ready: Ready,
    /// When its slot begins.
    pub starts_at: Monotonic,
}

impl Flight {
    /// Waits for the slot, sends, and hands the outcome on.
    pub async fn fly(self) {
        let settlement = match self.send().await {
            Some(outcome) => {
                if let Outcome::NotSent(Fault::Channel { retry_after }) = &outcome {
                    self.pause(*retry_after).await;
                }
                after_try(&self.deps, &self.ready.held, &outcome)
            }
            None => forfeit(&self.deps, &self.ready.held),
        };
        self.settler.settle(settlement).await;
        self.line.landed();
        let (room, worth) = self.line.room();
        if room >= worth {
            self.deps.bells.ready.notify_waiters();
        }
    }

    /// `None`: the slot is over, or this worker may be taken for dead; nothing was sent.
    async fn send(&self) -> Option<Outcome> {
        let clock = &self.deps.clock;
        let now = clock.monotonic();
        if self.starts_at > now {
            clock.sleep(self.starts_at.since(now)).await;
        }
        let _permit = self.line.requests.acquire().await.ok()?;
        let now = clock.monotonic();
        if now.since(self.starts_at) > self.deps.policy.slot_tolerance || !self.deps.is_alive(now) {
            record::slot_forfeited(&self.line.route.name);
            return None;
        }
        // The slot may lie behind the end of a window or a deadline: the last look (I-7, I-12).
        let last = plan::decide(&case(&self.ready.held, clock.now()));
        if !matches!(last, Verdict::Send { .. }) {
            return None;
        }
        let submit = self
            .line
            .route
            .gateway
            .submit(&self.ready.outbound, self.line.route.deadline);
        let outcome = AssertUnwindSafe(submit).catch_unwind().await.unwrap_or_else(|_panic| {
            tracing::error!(gateway.name = %self.line.route.name, "the gateway's adapter panicked; the try is unknown");
            Outcome::Unknown
        });
        let took = clock.monotonic().since(now);
        self.line.took(took);
        record::wire(&self.line.route.name, outcome.as_str(), took);
        Some(outcome)
    }

    /// Not about this message: the whole fleet leaves the gateway alone for a while.
    async fn pause(&self, retry_after: Option<Duration>) {
        let pause = retry_after
            .unwrap_or(PAUSE)
            .clamp(Duration::from_millis(100), Duration::from_hours(1));
        let name = &self.line.route.name;
        let now = self.deps.clock.monotonic();
        if !self.line.is_paused(now) {
            tracing::warn!(gateway.name = %name, pause_seconds = pause.as_secs_f64(), "{name} cannot take anything now; it is left alone");
        }
        self.line
            .pause_until(now.plus(pause.min(Duration::from_secs(2))));
        if let Err(error) = self.deps.store.pause(name, pause).await {
            record::store_error("pause");
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot tell the fleet to leave {name} alone"
            );
        }
    }
}
