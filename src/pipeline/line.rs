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
const QUEUE_FOR: Duration = Duration::from_millis(45);

/// Taken for what a submit takes until one has ended, in microseconds.
const GUESS: u64 = 20_000;

/// The longest queue, as a multiple of the requests in flight.
const QUEUE_AT_MOST: f64 = 16.0;

/// So many are on their way at once in the beginning, and with each that lands two more: as many
/// connections opened at the same moment would all be late for their slots.
const FIRST: usize = 32;

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
    /// How many have landed.
    landed: AtomicUsize,
    /// Exponentially weighted mean of the time a submit takes, in microseconds; 0: none has ended.
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
            landed: AtomicUsize::new(0),
            mean_micros: AtomicU64::new(0),
            paused_until: AtomicU64::new(0),
            busy_until: AtomicU64::new(0),
            credit: AtomicI64::new(0),
            route,
        }
    }

    /// How many more tries may be intended, and how many make a batch worth its commit: while the
    /// requests have enough to do, it may grow.
    pub fn room(&self) -> (usize, usize) {
        let slots = self.route.rate.per_second().min(2_000.0) * 0.25;
        let queue = self.queue().min(slots.max(1.0) * 4.0);
        let warm = FIRST.saturating_add(self.landed.load(Ordering::Relaxed).saturating_mul(2));
        let limit = (self.requests_at_most() + queue as usize).min(warm);
        (
            limit.saturating_sub(self.in_flight.load(Ordering::Relaxed)),
            (queue / 2.0).max(1.0) as usize,
        )
    }

    fn requests_at_most(&self) -> usize {
        self.route.gateway.concurrency().max(1)
    }

    /// How many may queue for a free request. Before anything is known of the line none: it would be
    /// late for its slot.
    fn queue(&self) -> f64 {
        self.mean().map_or(0.0, |mean| {
            let times = (QUEUE_FOR.as_secs_f64() * 1e6 / mean as f64).min(QUEUE_AT_MOST);
            (self.requests_at_most() as f64 * times).min(2_000.0)
        })
    }

    /// How many a second its requests carry, going by what the last ones took.
    pub fn pace(&self) -> f64 {
        self.requests_at_most() as f64 * 1e6 / self.mean().unwrap_or(GUESS) as f64
    }

    /// How many queue for a free request.
    fn queued(&self) -> usize {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        in_flight.saturating_sub(self.requests_at_most())
    }

    /// How long until the requests have done what is on its way before the next try. No longer than
    /// tries may queue: the whole fleet's slots would begin that late.
    pub fn wait(&self) -> Duration {
        Duration::from_secs_f64(self.queued() as f64 / self.pace()).min(QUEUE_FOR)
    }

    fn mean(&self) -> Option<u64> {
        let mean = self.mean_micros.load(Ordering::Relaxed);
        (mean > 0).then_some(mean)
    }

    /// More is on its way than the requests can carry at once: nothing is lost by waiting.
    pub fn has_enough(&self) -> bool {
        self.queued() as f64 > self.queue() / 4.0
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
        self.landed.fetch_add(1, Ordering::Relaxed);
    }

    /// What a submit took.
    pub fn took(&self, time: Duration) {
        let new = u64::try_from(time.as_micros())
            .unwrap_or(u64::MAX)
            .clamp(1, 60_000_000);
        let mean = self.mean().map_or(new, |old| (old * 7 + new).div_ceil(8));
        self.mean_micros.store(mean, Ordering::Relaxed);
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
