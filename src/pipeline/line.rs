//! A gateway or relay as this process sees it: room, turns, and when it is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::kinds::Channel;
use crate::ports::clock::Monotonic;

use super::deps::{Route, Routes};
use super::late::Late;
use super::vitals::Vitals;

/// Tries may queue for a free request so long; with quick gateways that makes larger batches.
const QUEUE_FOR: f64 = 0.030;

/// The longest queue, as a multiple of the requests in flight.
const QUEUE_AT_MOST: f64 = 16.0;

/// All lines of this process, by channel.
#[derive(Debug)]
pub struct Lines {
    sms: Vec<Arc<Line>>,
    email: Vec<Arc<Line>>,
}

impl Lines {
    /// Lines of which nothing is known, the heaviest first.
    pub fn of(routes: &Routes, now: Monotonic) -> Self {
        let lines = |channel| {
            let mut routes = routes.on(channel).to_vec();
            routes.sort_by_key(|route| std::cmp::Reverse(route.weight));
            routes
                .into_iter()
                .map(|route| Arc::new(Line::new(route, now)))
                .collect()
        };
        Self {
            sms: lines(Channel::Sms),
            email: lines(Channel::Email),
        }
    }

    /// Those of a channel.
    pub fn on(&self, channel: Channel) -> &[Arc<Line>] {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.sms.iter().chain(&self.email)
    }
}

/// A route with what this process knows of it.
#[derive(Debug)]
pub struct Line {
    /// The route.
    pub route: Route,
    /// How it is doing.
    pub vitals: Vitals,
    /// What was late for its slots.
    pub late: Late,
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
    pub fn new(route: Route, now: Monotonic) -> Self {
        Self {
            vitals: Vitals::new(now),
            late: Late::default(),
            requests: Semaphore::new(route.gateway.concurrency().max(1)),
            in_flight: AtomicUsize::new(0),
            mean_micros: AtomicU64::new(20_000),
            paused_until: AtomicU64::new(0),
            busy_until: AtomicU64::new(0),
            credit: AtomicI64::new(0),
            route,
        }
    }

    /// How many more tries may be intended, and how many make a batch worth its commit: while the
    /// requests have enough to do, it may grow.
    pub fn room(&self) -> (usize, usize) {
        let requests = self.route.gateway.concurrency().max(1) as f64;
        let mean = self.mean_micros.load(Ordering::Relaxed).max(1) as f64 / 1e6;
        let queue = requests * (QUEUE_FOR / mean).clamp(0.0, QUEUE_AT_MOST);
        let slots = self.route.rate.per_second().min(2_000.0) * 0.25;
        let limit = (requests + queue.min(2_000.0)).min(requests.max(1.0) + slots.max(1.0) * 4.0);
        let limit = limit.ceil() as usize;
        (
            limit.saturating_sub(self.in_flight.load(Ordering::Relaxed)),
            ((limit as f64 - requests) * 0.75)
                .max(limit as f64 / 4.0)
                .max(1.0) as usize,
        )
    }

    /// How many a second its requests carry, going by what the last ones took.
    pub fn pace(&self) -> f64 {
        let requests = self.route.gateway.concurrency().max(1) as f64;
        requests * 1e6 / self.mean_micros.load(Ordering::Relaxed).max(1) as f64
    }

    /// More is on its way than the requests can carry at once: nothing is lost by waiting.
    pub fn has_enough(&self) -> bool {
        let requests = self.route.gateway.concurrency().max(1);
        self.in_flight.load(Ordering::Relaxed) > requests + requests / 4
    }

    /// Waits for a free request; `None`: the line is closed.
    pub async fn request(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    /// One more is on its way.
    pub fn took_off(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// One is settled.
    pub fn landed(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// What a submit took.
    pub fn took(&self, time: Duration) {
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

    /// The turns it gets: its weight as configured, in tenths, as far as its health leaves it.
    pub fn weight(&self) -> u32 {
        let tenths = self.vitals.share().tenths();
        self.route.weight.saturating_mul(tenths)
    }

    /// How far the line is behind its share; the largest goes next.
    pub fn credit(&self) -> i64 {
        self.credit.load(Ordering::Relaxed)
    }

    /// Its share of `messages` that some line took.
    pub fn earn(&self, messages: usize) {
        let weight = self.weight();
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
