//! One bucket.
//!
//! A bucket holds its theoretical arrival time `tat`. A message of cost c gets the slot
//! `start = max(tat, now - (burst - 1) · interval)`, never before now, and `tat` moves to
//! `start + c · interval`. In any window W at most `rate · W + burst` parts start.

use std::time::Duration;

use super::Turns;
use crate::domain::time::Timestamp;

/// Messages (or SMS parts) per second, for the whole fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    interval_nanos: f64,
    burst: u32,
}

/// Why a rate makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate must be above 0 and at most 1,000,000 a second, a burst 1 to 100,000")]
pub struct RateError;

impl Rate {
    /// `per_second` in (0, 10⁶], `burst` in 1..=10⁵.
    ///
    /// # Errors
    /// [`RateError`] outside these ranges.
    pub fn new(per_second: f64, burst: u32) -> Result<Self, RateError> {
        if per_second > 0.0 && per_second <= 1e6 && (1..=100_000).contains(&burst) {
            Ok(Self {
                interval_nanos: 1e9 / per_second,
                burst,
            })
        } else {
            Err(RateError)
        }
    }

    /// Per second.
    pub fn per_second(self) -> f64 {
        1e9 / self.interval_nanos
    }

    /// How many may start at once after a silence.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    pub(super) fn span(self, cost: f64) -> i64 {
        // At most 10⁵ parts of at most 10¹⁵ ns each in one call: far inside i64 microseconds.
        (self.interval_nanos * cost / 1e3).round() as i64
    }
}

/// Slots taken from a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// When each of the first entries starts; never before `now`.
    pub starts: Vec<Timestamp>,
    /// The bucket's new theoretical arrival time.
    pub tat: Timestamp,
    /// How long until another slot is within reach; zero if all entries got one.
    pub next_in: Duration,
}

/// Takes slots for entries of the given `costs`, in order, while a start is no further ahead than
/// `ahead`, and no earlier than at its turn. `tat` and `paused_until` are the bucket's.
pub fn take(
    rate: Rate,
    tat: Timestamp,
    paused_until: Option<Timestamp>,
    now: Timestamp,
    ahead: Duration,
    turns: Turns,
    costs: impl IntoIterator<Item = u32>,
) -> Slots {
    let lag = rate.span(f64::from(rate.burst - 1));
    let horizon = now.plus(ahead);
    let floor = paused_until.unwrap_or(now).max(now);
    let mut base = tat.max(Timestamp(floor.0 - lag));
    let mut taken = 0.0_f64;
    let mut starts = Vec::new();
    let mut next_in = Duration::ZERO;
    if floor > now {
        // Paused: nothing begins before the pause ends, and no burst is saved up meanwhile.
        base = tat.max(floor);
    }
    for cost in costs {
        // What could have been sent until the turn is saved up as far as the burst allows.
        let turn = turns.of(starts.len(), now, horizon);
        let least = Timestamp(turn.0 - lag);
        if base.0 + rate.span(taken) < least.0 {
            (base, taken) = (least, 0.0);
        }
        let at = Timestamp(base.0 + rate.span(taken));
        if at > horizon {
            next_in = at.since(horizon);
            break;
        }
        starts.push(at.max(turn));
        taken += f64::from(cost);
    }
    let tat = if starts.is_empty() {
        tat
    } else {
        Timestamp(base.0 + rate.span(taken))
    };
    Slots {
        starts,
        tat,
        next_in,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn rate(per_second: f64, burst: u32) -> Rate {
        Rate::new(per_second, burst).unwrap()
    }

    #[test]
    fn slots_follow_each_other_at_the_interval_times_the_cost() {
        let slots = take(
            rate(10.0, 1),
            Timestamp(0),
            None,
            NOW,
            Duration::from_millis(250),
            Turns::NONE,
            [1, 1, 1, 1],
        );
        assert_eq!(
            slots.starts,
            [NOW, Timestamp(NOW.0 + 100_000), Timestamp(NOW.0 + 200_000)]
        );
        assert_eq!(slots.tat, Timestamp(NOW.0 + 300_000));
        assert_eq!(slots.next_in, Duration::from_millis(50));
        let three_parts = take(
            rate(10.0, 1),
            slots.tat,
            None,
            NOW.plus(Duration::from_millis(300)),
            Duration::ZERO,
            Turns::NONE,
            [3, 1],
        );
        assert_eq!(three_parts.starts.len(), 1);
        assert_eq!(three_parts.tat, Timestamp(NOW.0 + 600_000));
    }

    #[test]
    fn slots_wait_for_their_turns_and_no_longer() {
        let take = |per_second, first, every| {
            let ahead = Duration::from_millis(250);
            let turns = Turns { first, every };
            let slots = take(
                rate(per_second, 1),
                Timestamp(0),
                None,
                NOW,
                ahead,
                turns,
                [1; 4],
            );
            let starts = slots.starts.iter().map(|at| (at.0 - NOW.0) / 1_000);
            (starts.collect::<Vec<_>>(), (slots.tat.0 - NOW.0) / 1_000)
        };
        // A quick gateway: the turns decide. Two requests are free.
        assert_eq!(take(1_000.0, -20_000, 20_000.0), (vec![0, 1, 20, 40], 41));
        // A slow one: the rate does.
        assert_eq!(take(20.0, 10_000, 20_000.0), (vec![10, 60, 110, 160], 210));
        // Nobody is pushed out of reach.
        assert_eq!(take(1_000.0, 0, 200_000.0), (vec![0, 200, 250], 251));
    }

    #[test]
    fn a_paused_bucket_gives_nothing_before_the_pause_ends_and_no_burst_after() {
        let until = NOW.plus(Duration::from_secs(5));
        let slots = take(
            rate(10.0, 8),
            Timestamp(0),
            Some(until),
            NOW,
            Duration::from_millis(250),
            Turns::NONE,
            [1],
        );
        assert!(slots.starts.is_empty());
        assert_eq!(slots.next_in, Duration::from_millis(4_750));
        let later = take(
            rate(10.0, 1),
            Timestamp(0),
            Some(until),
            until,
            Duration::ZERO,
            Turns::NONE,
            [1, 1],
        );
        assert_eq!(later.starts, [until]);
    }

    proptest::proptest! {
        #[test]
        fn in_no_window_more_starts_than_the_rate_and_the_burst_allow(
            per_second in 1u32..500,
            burst in 1u32..20,
            calls in proptest::collection::vec((0u64..400_000, 0usize..30, 1u32..4), 1..60),
            first in -100_000i64..100_000,
            every in 0.0f64..20_000.0,
        ) {
            let turns = Turns { first, every };
            let rate = rate(f64::from(per_second), burst);
            let (mut now, mut tat) = (NOW, Timestamp(0));
            let mut sent: Vec<(i64, u32)> = Vec::new();
            for (pause, count, cost) in calls {
                now = Timestamp(now.0 + i64::try_from(pause).unwrap());
                let slots = take(rate, tat, None, now, Duration::from_millis(250), turns, vec![cost; count]);
                tat = slots.tat;
                for (k, start) in slots.starts.into_iter().enumerate() {
                    let turn = now.0 + (first + (every * k as f64).round() as i64).clamp(0, 250_000);
                    proptest::prop_assert!(start.0 >= turn);
                    proptest::prop_assert!(start <= now.plus(Duration::from_millis(250)));
                    sent.push((start.0, cost));
                }
            }
            for (i, (from, _)) in sent.iter().enumerate() {
                let mut parts = 0;
                for (at, cost) in &sent[i..] {
                    parts += cost;
                    let window = (at - from) as f64 / 1e6;
                    let bound = f64::from(per_second) * window + f64::from(burst.max(3)) + f64::from(*cost) + 1e-3;
                    proptest::prop_assert!(f64::from(parts) <= bound, "{parts} parts in {window} s");
                }
            }
        }
    }
}
