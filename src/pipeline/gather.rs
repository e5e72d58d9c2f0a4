//! How long a loop that works in batches leaves the next one alone, so that it grows: under load few
//! commits carry much, an idle fleet answers at once.

use std::time::Duration;

use crate::ports::clock::Monotonic;

/// From an eighth of a full batch on the longest pause holds.
const BUSY_FROM: usize = 8;

/// The rhythm of one loop.
#[derive(Debug)]
pub(super) struct Gather {
    full: usize,
    at_most: Duration,
    until: Monotonic,
}

impl Gather {
    /// `full` is a large batch; from the beginning of one batch to that of the next passes at most
    /// `at_most`, unless the work itself takes longer.
    pub(super) const fn new(full: usize, at_most: Duration) -> Self {
        Self {
            full,
            at_most,
            until: Monotonic(0),
        }
    }

    /// A batch of so many began then. The more it held, the longer the next one grows.
    pub(super) fn began(&mut self, at: Monotonic, batch: usize) {
        let busy = (batch * BUSY_FROM).min(self.full);
        let share = busy.saturating_sub(BUSY_FROM) as f64 / self.full.max(1) as f64;
        self.until = at.plus(self.at_most.mul_f64(share));
    }

    /// How long the next batch still grows.
    pub(super) fn left(&self, now: Monotonic) -> Duration {
        self.until.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_waits_for_nothing_and_a_busy_loop_its_whole_pause() {
        let pause = |batch| {
            let mut gather = Gather::new(400, Duration::from_millis(40));
            gather.began(Monotonic(1_000), batch);
            gather.left(Monotonic(1_000)).as_micros()
        };
        assert_eq!([0, 1, 2, 26].map(pause), [0, 0, 800, 20_000]);
        assert_eq!([51, 400, 5_000].map(pause), [39_200; 3]);
    }

    #[test]
    fn the_time_that_the_work_took_counts() {
        let mut gather = Gather::new(400, Duration::from_millis(40));
        gather.began(Monotonic(0), 400);
        assert_eq!(gather.left(Monotonic(30_000)), Duration::from_micros(9_200));
        assert_eq!(gather.left(Monotonic(50_000)), Duration::ZERO);
    }
}
