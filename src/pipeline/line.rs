//! A gateway or relay as this process sees it: room, turns, and when it is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use crate::domain::kinds::Channel;
use crate::domain::pace::Turns;
use crate::ports::clock::{Clock, Monotonic};

use super::again::Again;
use super::deps::{Route, Routes};
use super::late::Late;
use super::requests::Requests;
use super::vitals::Vitals;

/// Tries may queue for a free request so long; with quick gateways that makes larger batches.
const QUEUE_FOR: Duration = Duration::from_millis(80);

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
    /// What missed its slot and asks for another one.
    pub(super) again: Again,
    requests: Requests,
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
            again: Again::default(),
            requests: Requests::new(route.gateway.concurrency(), now),
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
        let limit = (self.requests.at_most() + queue as usize).min(warm);
        (
            limit.saturating_sub(self.in_flight.load(Ordering::Relaxed)),
            (queue / 2.0).max(1.0) as usize,
        )
    }

    /// How many may queue for a free request. Before anything is known of the line none: it would be
    /// late for its slot.
    fn queue(&self) -> f64 {
        self.mean().map_or(0.0, |mean| {
            let most = (self.requests.at_most() as f64 * QUEUE_AT_MOST).min(2_000.0);
            (QUEUE_FOR.as_secs_f64() * 1e6 / self.every(mean)).min(most)
        })
    }

    /// How many a second its requests carry, going by what the last ones took.
    pub fn pace(&self) -> f64 {
        1e6 / self.every(self.mean().unwrap_or(GUESS))
    }

    /// From one free request to the next when all are in use, in microseconds: what a submit takes
    /// over their number, or longer, because a busy machine does not serve all of them at once.
    fn every(&self, mean: u64) -> f64 {
        self.requests.every().max(self.at_best(mean))
    }

    fn at_best(&self, mean: u64) -> f64 {
        mean as f64 / self.requests.at_most() as f64
    }

    /// How many queue for a free request.
    fn queued(&self) -> usize {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        in_flight.saturating_sub(self.requests.at_most())
    }

    /// When the next tries' turns are, counted from now, if each may begin so much before its own.
    /// Before anything is known of the line all go at once.
    pub fn turns(&self, early: Duration) -> Turns {
        let Some(mean) = self.mean() else {
            return Turns::NONE;
        };
        let every = self.every(mean);
        let before = self.in_flight.load(Ordering::Relaxed) as f64 - self.requests.at_most() as f64;
        // No later than tries may queue: the whole fleet's slots would begin that late.
        let first = before.min(self.queue()) * every - early.as_secs_f64() * 1e6;
        Turns {
            first: first as i64,
            every,
        }
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
    pub async fn request(&self, clock: &dyn Clock) -> Option<SemaphorePermit<'_>> {
        let at_best = self.at_best(self.mean().unwrap_or_default());
        self.requests.one(clock, at_best).await
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

    /// Neither is the line left alone, nor do only probes go there.
    pub fn may_be_used(&self, now: Monotonic) -> bool {
        !self.is_paused(now) && !self.vitals.is_open()
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::domain::outcome::Outcome;
    use crate::domain::pace::Rate;
    use crate::ports::clock::by_hand::ByHand;
    use crate::ports::gateway::{Gateway, Outbound};
    use crate::ports::slot::Slot;

    const MILLI: u64 = 1_000;

    #[derive(Debug)]
    struct Mute;

    #[async_trait]
    impl Gateway for Mute {
        async fn submit(&self, _: &Outbound, _: Slot, _: Duration) -> Outcome {
            Outcome::Unknown
        }
        async fn probe(&self, _: Duration) -> Result<String, String> {
            Ok(String::new())
        }
        fn concurrency(&self) -> usize {
            4
        }
    }

    fn line() -> Line {
        let route = Route {
            name: "mute".to_owned(),
            gateway: Arc::new(Mute),
            rate: Rate::new(10_000.0, 1).unwrap(),
            weight: 1,
            deadline: Duration::from_secs(10),
        };
        Line::new(route, Monotonic(0))
    }

    /// From one of `count` requests to the next `gap` passes while somebody waits.
    async fn saturate(line: &Line, clock: &ByHand, count: usize, gap: u64) {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(line.request(clock).await.unwrap());
        }
        for _ in 0..count {
            let free = async {
                clock.0.fetch_add(gap, Ordering::SeqCst);
                drop(held.remove(0));
            };
            let (next, ()) = tokio::join!(line.request(clock), free);
            held.push(next.unwrap());
        }
    }

    #[test]
    fn before_anything_is_known_few_go_and_all_at_once() {
        let line = line();
        assert_eq!(line.turns(Duration::ZERO), Turns::NONE);
        assert_eq!(line.room(), (4, 1));
    }

    #[tokio::test]
    async fn turns_follow_each_other_as_fast_as_requests_become_free() {
        let (line, clock) = (line(), ByHand::default());
        line.took(Duration::from_millis(8));
        let early = Duration::from_millis(3);
        let turns = line.turns(early);
        assert_eq!(
            (turns.first, turns.every),
            (-11_000, 2_000.0),
            "four are free"
        );
        (0..10).for_each(|_| line.took_off());
        assert_eq!(line.turns(early).first, 9_000, "six queue");
        // On a busy machine each takes twice as long as four at once would.
        saturate(&line, &clock, 200, 4 * MILLI).await;
        let turns = line.turns(early);
        assert!((3_900.0..4_100.0).contains(&turns.every), "{turns:?}");
        assert!((20_000..22_000).contains(&turns.first), "{turns:?}");
        // Nobody waits any more.
        for _ in 0..200 {
            drop(line.request(&clock).await);
        }
        assert!(line.turns(early).every < 2_100.0, "{:?}", line.turns(early));
    }

    #[tokio::test]
    async fn what_queues_is_done_in_time_however_slow_the_machine_is() {
        let (line, clock) = (line(), ByHand::default());
        (0..100).for_each(|_| {
            line.took_off();
            line.landed();
        });
        line.took(Duration::from_millis(8));
        assert_eq!(line.room(), (4 + 40, 20));
        saturate(&line, &clock, 200, 20 * MILLI).await;
        assert_eq!(line.room(), (4 + 4, 2));
    }
}
