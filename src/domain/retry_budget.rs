//! The retry budget of a gateway: retries are at most a tenth of its first tries of the last
//! minute, plus a floor of one a second for the whole fleet, so that a gateway in trouble is not
//! kept down by our own second tries.

use std::collections::VecDeque;
use std::time::Duration;

/// Retries per first try.
const RATIO: f64 = 0.1;
/// First tries count so long.
const WINDOW: Duration = Duration::from_secs(60);
/// The floor of the fleet, per second.
const FLOOR: f64 = 1.0;
/// So much of the floor is kept at most, in seconds of it; one retry at least.
const FLOOR_KEEPS: f64 = 5.0;

/// What one process may spend on retries through one gateway. The tenth is counted per process, which
/// sums up to the fleet's; the floor is shared among the processes that live.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryBudget {
    /// By second: first tries, and retries that they paid for.
    seconds: VecDeque<(u64, u64, u64)>,
    firsts: u64,
    paid: u64,
    floor: f64,
    floor_at: Duration,
}

impl RetryBudget {
    /// A budget that begins with what may be kept of the floor. `now` is a time on a clock that never jumps, from any
    /// start.
    pub const fn new(now: Duration) -> Self {
        Self {
            seconds: VecDeque::new(),
            firsts: 0,
            paid: 0,
            floor: FLOOR_KEEPS * FLOOR,
            floor_at: now,
        }
    }

    /// How many retries may go now, with so many processes in the fleet.
    pub fn room(&mut self, now: Duration, processes: u32) -> usize {
        self.pass(now, processes);
        (self.tenth_left() + self.floor.floor()) as usize
    }

    /// So many first tries and retries went.
    pub fn spend(&mut self, now: Duration, processes: u32, firsts: u64, retries: u64) {
        self.pass(now, processes);
        self.firsts += firsts;
        let paid = retries.min(self.tenth_left() as u64);
        self.paid += paid;
        // More than there was room for is owed.
        self.floor -= (retries - paid) as f64;
        let second = now.as_secs();
        match self.seconds.back_mut() {
            Some(last) if last.0 == second => {
                last.1 += firsts;
                last.2 += paid;
            }
            Some(_) | None => self.seconds.push_back((second, firsts, paid)),
        }
    }

    fn tenth_left(&self) -> f64 {
        (self.firsts as f64 * RATIO).floor() - self.paid.min(self.firsts) as f64
    }

    fn pass(&mut self, now: Duration, processes: u32) {
        let oldest = now.saturating_sub(WINDOW).as_secs();
        while let Some((second, firsts, paid)) = self.seconds.front().copied()
            && second < oldest
        {
            self.seconds.pop_front();
            self.firsts -= firsts;
            self.paid -= paid;
        }
        let per_second = FLOOR / f64::from(processes.max(1));
        let most = (per_second * FLOOR_KEEPS).max(1.0);
        let earned = now.saturating_sub(self.floor_at).as_secs_f64() * per_second;
        self.floor = (self.floor + earned).min(most);
        self.floor_at = self.floor_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_000 + seconds)
    }

    #[test]
    fn without_first_tries_there_is_one_retry_a_second() {
        let mut budget = RetryBudget::new(at(0));
        let mut went = 0;
        for second in 0..60 {
            let room = budget.room(at(second), 1);
            budget.spend(at(second), 1, 0, room as u64);
            went += room;
        }
        assert_eq!(went, 64, "what was kept, and one a second");
        assert_eq!(budget.room(at(1_000), 1), 5, "little of it is kept");
    }

    #[test]
    fn processes_share_the_floor_and_none_starves() {
        let mut went = 0;
        for _ in 0..50 {
            let mut budget = RetryBudget::new(at(0));
            for second in 0..600 {
                let room = budget.room(at(second), 50);
                budget.spend(at(second), 50, 0, room as u64);
                went += room;
            }
        }
        assert!((500..=600).contains(&went), "{went}");
    }

    #[test]
    fn a_tenth_of_the_first_tries_of_a_minute_goes_again() {
        let mut budget = RetryBudget::new(at(0));
        budget.spend(at(0), 1, 1_000, 5);
        assert_eq!(budget.room(at(0), 1), 100);
        budget.spend(at(0), 1, 0, 100);
        assert_eq!(budget.room(at(0), 1), 0);
        assert_eq!(budget.room(at(59), 1), 5);
        assert_eq!(budget.room(at(61), 1), 5, "the minute is over for both");
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_a_tenth_and_the_floor(
            steps in proptest::collection::vec((0_u64..3_000, 0_u64..50), 1..400),
        ) {
            let mut budget = RetryBudget::new(at(0));
            let mut now = at(0);
            let mut log: Vec<(Duration, u64, u64)> = Vec::new();
            for (pause, firsts) in steps {
                now += Duration::from_millis(pause);
                let room = budget.room(now, 1) as u64;
                budget.spend(now, 1, firsts, room);
                log.push((now, firsts, room));
                let within = |length: u64| {
                    let from = now.saturating_sub(Duration::from_secs(length));
                    log.iter().filter(move |(at, _, _)| *at > from)
                };
                let retries: u64 = within(60).map(|(_, _, retries)| retries).sum();
                let firsts: u64 = within(61).map(|(_, firsts, _)| firsts).sum();
                prop_assert!(retries as f64 <= firsts as f64 * 0.1 + 60.0 + 6.0, "{retries} of {firsts}");
            }
        }
    }
}
