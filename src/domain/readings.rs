//! When the store read its clock, told by our own.
//!
//! A slot counts from the moment at which the store read its clock. The answer arrives later: the
//! way back, and above all a machine with too much to do, may keep it for a tenth of a second, and
//! slots counted from its arrival leave that much too late, side by side with those of the next
//! answer. What is known of the moment: it lies between question and answer, and the two clocks run
//! alike, so the smallest difference between an arrival and what the answer said, over the last
//! half minute, is the difference of the clocks and the quickest way back.

use std::time::Duration;

use crate::domain::time::{Timestamp, micros};

/// The smallest difference is sought in one to two of these. Clocks that drift apart by 100 parts in
/// a million are 3 ms apart after two.
const HALF: Duration = Duration::from_secs(15);

/// The differences seen lately.
#[derive(Debug, Default)]
pub struct Readings {
    /// When the half under way began.
    began: Duration,
    /// The smallest difference, in microseconds, of the half under way and of the one before.
    smallest: [Option<i64>; 2],
}

/// An answer that held a reading of the store's clock. Our own times are those of a steady clock,
/// since whenever.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Before the question left.
    pub asked: Duration,
    /// When the answer was in our hands.
    pub arrived: Duration,
    /// What the store's clock showed.
    pub said: Timestamp,
}

impl Readings {
    /// When the clock was read: never before the question, never after the answer.
    pub fn place(&mut self, reading: Reading) -> Duration {
        let Reading {
            asked,
            arrived,
            said,
        } = reading;
        let since = arrived.saturating_sub(self.began);
        if since >= HALF {
            let last = self.smallest[0].filter(|_| since < HALF * 2);
            self.smallest = [None, last];
            self.began = arrived;
        }
        let difference = micros(arrived).saturating_sub(said.0);
        let mine = self.smallest[0].map_or(difference, |so_far| so_far.min(difference));
        self.smallest[0] = Some(mine);
        let smallest = self.smallest[1].map_or(mine, |before| before.min(mine));
        // Off by a step of the store's clock, if it was set: the question bounds it.
        let late = u64::try_from(difference.saturating_sub(smallest)).unwrap_or(0);
        let read = arrived.saturating_sub(Duration::from_micros(late));
        read.clamp(asked.min(arrived), arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// The store's clock is five seconds behind our own.
    fn said(at: Duration) -> Timestamp {
        Timestamp(i64::try_from(at.as_micros()).unwrap() - 5_000_000)
    }

    fn place(readings: &mut Readings, asked: u64, read: u64, arrived: u64) -> u128 {
        let placed = readings.place(Reading {
            asked: ms(asked),
            arrived: ms(arrived),
            said: said(ms(read)),
        });
        placed.as_millis()
    }

    #[test]
    fn an_answer_that_was_kept_is_placed_where_the_clock_was_read() {
        let mut readings = Readings::default();
        assert_eq!(place(&mut readings, 0, 2, 3), 3, "nothing to compare with");
        assert_eq!(place(&mut readings, 100, 102, 203), 103);
        assert_eq!(
            place(&mut readings, 300, 399, 400),
            400,
            "waited for a lock"
        );
    }

    #[test]
    fn it_is_never_before_the_question() {
        let mut readings = Readings::default();
        place(&mut readings, 0, 2, 3);
        // The store's clock was set back by a minute.
        let back = said(ms(1_000)).minus(Duration::from_secs(60));
        let placed = readings.place(Reading {
            asked: ms(1_000),
            arrived: ms(1_020),
            said: back,
        });
        assert_eq!(placed, ms(1_000));
    }

    #[test]
    fn a_clock_set_forward_counts_at_once() {
        let mut readings = Readings::default();
        place(&mut readings, 0, 2, 3);
        let on = said(ms(1_000)).plus(Duration::from_secs(60));
        let placed = readings.place(Reading {
            asked: ms(990),
            arrived: ms(1_001),
            said: on,
        });
        assert_eq!(placed, ms(1_001));
    }

    #[test]
    fn what_is_older_than_half_a_minute_is_forgotten() {
        let mut readings = Readings::default();
        place(&mut readings, 0, 2, 3);
        assert_eq!(place(&mut readings, 14_900, 14_902, 15_000), 14_903);
        assert_eq!(
            place(&mut readings, 20_000, 20_002, 20_100),
            20_003,
            "the half before"
        );
        assert_eq!(place(&mut readings, 31_000, 31_002, 31_100), 31_100);
        assert_eq!(place(&mut readings, 99_000, 99_002, 99_100), 99_100);
    }
}
