//! Slots that two buckets must give: the gateway's, and that of the agency if it has a rate of its
//! own.
//!
//! A cursor walks along the gateway's time line. At each step the first entry in order takes the
//! slot whose agency's own slot has begun by then; where there is none, the cursor moves on to the
//! earliest of the agencies' slots. So an agency that is used up stands in nobody's way, and both
//! bounds hold: in any window W at most `rate · W + burst` parts of the gateway, and of each agency.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Rate, Turns};
use crate::domain::time::Timestamp;

/// A bucket as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// How fast it fills.
    pub rate: Rate,
    /// Its theoretical arrival time.
    pub tat: Timestamp,
    /// Nothing begins before this.
    pub paused_until: Option<Timestamp>,
}

/// What one entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// SMS parts, or 1.
    pub cost: u32,
    /// Which of the agencies' buckets pays beside the gateway's; `None`: no rate of its own.
    pub agency: Option<usize>,
}

/// Slots taken from several buckets at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointSlots {
    /// Which entries got a slot, by index, and when it starts; in the order of the starts, and never
    /// before now.
    pub starts: Vec<(usize, Timestamp)>,
    /// The gateway's new theoretical arrival time.
    pub tat: Timestamp,
    /// How long until the gateway has another slot within reach; zero if it is not what is lacking.
    pub next_in: Duration,
    /// Of each agency the new theoretical arrival time.
    pub agency_tats: Vec<Timestamp>,
    /// Of each agency how long until it has another slot within reach; zero if it has one.
    pub agency_next_in: Vec<Duration>,
}

/// Takes slots for entries in their order of precedence, while a start is no further ahead than
/// `ahead`, and no earlier than at their turns. Entries of one agency keep their order.
///
/// # Panics
/// When an entry names an agency's bucket that is not there.
pub fn take(
    gateway: Bucket,
    agencies: &[Bucket],
    now: Timestamp,
    ahead: Duration,
    turns: Turns,
    asks: &[Ask],
) -> JointSlots {
    let horizon = now.plus(ahead);
    let mut gateway = Line::new(gateway, now);
    let mut agencies: Vec<Line> = agencies.iter().map(|b| Line::new(*b, now)).collect();
    // One queue for each agency, and the last for those without a rate of their own.
    let free = agencies.len();
    let mut queues: Vec<VecDeque<usize>> = vec![VecDeque::new(); free + 1];
    for (index, ask) in asks.iter().enumerate() {
        queues[ask.agency.unwrap_or(free)].push_back(index);
    }
    let mut starts = Vec::new();
    let mut left = asks.len();
    while left > 0 {
        gateway.wait_until(turns.of(starts.len(), now, horizon));
        let start = gateway.start();
        if start > horizon {
            break;
        }
        let begun = |place: &usize| *place == free || agencies[*place].start() <= start;
        let waiting = || (0..=free).filter(|place| !queues[*place].is_empty());
        let first = waiting()
            .filter(begun)
            .min_by_key(|place| queues[*place].front());
        let Some(place) = first else {
            // The cursor moves on to the earliest agency's slot: what the gateway could have sent
            // until then is saved up as far as its burst allows, and else gone.
            let earliest = waiting().map(|place| agencies[place].start()).min();
            match earliest.filter(|at| *at <= horizon) {
                Some(at) => gateway.wait_until(at),
                None => break,
            }
            continue;
        };
        let Some(index) = queues[place].pop_front() else {
            break;
        };
        gateway.pay(start, asks[index].cost);
        if let Some(agency) = agencies.get_mut(place) {
            agency.pay(start, asks[index].cost);
        }
        starts.push((index, start));
        left -= 1;
    }
    let next = |line: &Line, waits: bool| match line.start() {
        start if waits && start > horizon => start.since(horizon),
        _ => Duration::ZERO,
    };
    JointSlots {
        starts,
        tat: gateway.tat(),
        next_in: next(&gateway, left > 0),
        agency_tats: agencies.iter().map(Line::tat).collect(),
        agency_next_in: agencies
            .iter()
            .zip(&queues)
            .map(|(line, queue)| next(line, !queue.is_empty()))
            .collect(),
    }
}

/// A bucket while slots are taken from it. The position is `anchor` and the span of `taken`, so that
/// rounding to whole microseconds does not add up.
struct Line {
    rate: Rate,
    anchor: Timestamp,
    taken: f64,
    /// Nothing starts before this.
    floor: Timestamp,
    lag: i64,
    stored: Timestamp,
}

impl Line {
    fn new(bucket: Bucket, now: Timestamp) -> Self {
        let lag = bucket.rate.span(f64::from(bucket.rate.burst() - 1));
        let floor = bucket.paused_until.unwrap_or(now).max(now);
        // While it is paused no burst is saved up.
        let saved = if floor > now { 0 } else { lag };
        Self {
            rate: bucket.rate,
            anchor: bucket.tat.max(Timestamp(floor.0 - saved)),
            taken: 0.0,
            floor,
            lag,
            stored: bucket.tat,
        }
    }

    fn position(&self) -> Timestamp {
        Timestamp(self.anchor.0 + self.rate.span(self.taken))
    }

    /// When its next slot starts.
    fn start(&self) -> Timestamp {
        self.position().max(self.floor)
    }

    /// Moves on to `at` without taking anything.
    fn wait_until(&mut self, at: Timestamp) {
        self.floor = self.floor.max(at);
        let least = Timestamp(at.0 - self.lag);
        if self.position() < least {
            (self.anchor, self.taken) = (least, 0.0);
        }
    }

    /// Takes a slot that starts at `start`, no earlier than its own.
    fn pay(&mut self, start: Timestamp, cost: u32) {
        self.wait_until(start);
        self.taken += f64::from(cost);
        self.stored = self.position();
    }

    /// What is to be stored: nothing moves when nothing was taken.
    const fn tat(&self) -> Timestamp {
        self.stored
    }
}
