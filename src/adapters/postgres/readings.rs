//! When the database read its clock, told by our own.
//!
//! A slot counts from the moment at which the database read its clock. The answer arrives later: the
//! way back, and above all a machine with too much to do, may keep it for a tenth of a second, and
//! slots counted from its arrival leave that much too late, side by side with those of the next
//! answer. What is known of the moment: it lies between question and answer, and the two clocks run
//! alike, so the smallest difference between an arrival and what the answer said, over the last
//! half minute, is the difference of the clocks and the quickest way back.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::time::Timestamp;

/// The smallest difference is sought in one to two of these. Clocks that drift apart by 100 parts in
/// a million are 3 ms apart after two.
const HALF: Duration = Duration::from_secs(15);

/// The differences seen lately.
#[derive(Debug)]
pub(super) struct Readings {
    /// Our own clock is counted from here.
    origin: Instant,
    began: Instant,
    /// The smallest difference, in microseconds, of the half under way and of the one before.
    smallest: [Option<i64>; 2],
}

/// An answer that held a reading of the database's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Before the question left.
    pub(super) asked: Instant,
    /// When the answer was in our hands.
    pub(super) arrived: Instant,
    /// What the database's clock showed.
    pub(super) said: Timestamp,
}

impl Readings {
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            origin,
            began: origin,
            smallest: [None; 2],
        }
    }

    /// When the clock was read: never before the question, never after the answer.
    pub(super) fn place(&mut self, reading: Reading) -> Instant {
        let Reading {
            asked,
            arrived,
            said,
        } = reading;
        let since = arrived.saturating_duration_since(self.began);
        if since >= HALF {
            let last = self.smallest[0].filter(|_| since < HALF * 2);
            self.smallest = [None, last];
            self.began = arrived;
        }
        let shown = i64::try_from(arrived.saturating_duration_since(self.origin).as_micros())
            .unwrap_or(i64::MAX);
        let difference = shown.saturating_sub(said.0);
        let mine = self.smallest[0].map_or(difference, |so_far| so_far.min(difference));
        self.smallest[0] = Some(mine);
        let smallest = self.smallest[1].map_or(mine, |before| before.min(mine));
        // Both are true or both are off by a step of the database's clock: the question bounds it.
        let late = u64::try_from(difference.saturating_sub(smallest)).unwrap_or(0);
        arrived
            .checked_sub(Duration::from_micros(late))
            .unwrap_or(asked)
            .clamp(asked.min(arrived), arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// The database's clock is five seconds behind the origin's count.
    fn said(at: Duration) -> Timestamp {
        Timestamp(i64::try_from(at.as_micros()).unwrap() - 5_000_000)
    }

    fn place(readings: &mut Readings, asked: u64, read: u64, arrived: u64) -> u128 {
        let origin = readings.origin;
        let placed = readings.place(Reading {
            asked: origin + ms(asked),
            arrived: origin + ms(arrived),
            said: said(ms(read)),
        });
        (placed - origin).as_millis()
    }

    #[test]
    fn an_answer_that_was_kept_is_placed_where_the_clock_was_read() {
        let mut readings = Readings::new(Instant::now());
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
        let mut readings = Readings::new(Instant::now());
        place(&mut readings, 0, 2, 3);
        // The database's clock was set back by a minute.
        let origin = readings.origin;
        let back = said(ms(1_000)).minus(Duration::from_secs(60));
        let placed = readings.place(Reading {
            asked: origin + ms(1_000),
            arrived: origin + ms(1_020),
            said: back,
        });
        assert_eq!(placed, origin + ms(1_000));
    }

    #[test]
    fn a_clock_set_forward_counts_at_once() {
        let mut readings = Readings::new(Instant::now());
        place(&mut readings, 0, 2, 3);
        let origin = readings.origin;
        let on = said(ms(1_000)).plus(Duration::from_secs(60));
        let placed = readings.place(Reading {
            asked: origin + ms(990),
            arrived: origin + ms(1_001),
            said: on,
        });
        assert_eq!(placed, origin + ms(1_001));
    }

    #[test]
    fn what_is_older_than_half_a_minute_is_forgotten() {
        let mut readings = Readings::new(Instant::now());
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
