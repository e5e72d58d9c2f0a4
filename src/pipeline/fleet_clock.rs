//! The fleet's clock: the store's time, carried on by the machine's steady clock.
//!
//! Windows, deadlines and the times that agencies are told must not depend on which worker looks at
//! its watch, nor on a machine whose wall clock jumps. So each heartbeat brings the store's time,
//! and in between only the steady clock counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::time::Timestamp;
use crate::ports::clock::{Clock, Monotonic};
use crate::telemetry::record;

/// An answer that took longer says no more than between which times the store read its clock.
const QUICK: Duration = Duration::from_millis(500);

/// A machine whose wall clock is further away from the store's is worth a word to its operator.
const SKEW: Duration = Duration::from_secs(2);

/// No answer has come yet. No time is so early.
const UNKNOWN: i64 = i64::MIN;

/// See the module.
#[derive(Debug)]
pub struct FleetClock {
    machine: Arc<dyn Clock>,
    /// The store's time minus the steady clock, in microseconds.
    offset: AtomicI64,
    told: AtomicBool,
}

impl FleetClock {
    /// Shows the machine's own time until the store's is known.
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self {
            machine,
            offset: AtomicI64::new(UNKNOWN),
            told: AtomicBool::new(false),
        }
    }

    /// The store said `at` to a question `asked` then, and the answer has just arrived.
    pub fn learn(&self, at: Timestamp, asked: Monotonic) {
        let arrived = self.machine.monotonic();
        let took = arrived.since(asked);
        let known = self.offset.load(Ordering::Relaxed);
        let read_at = |steady| at.0.saturating_sub(signed(steady));
        let offset = if took > QUICK && known != UNKNOWN {
            known.clamp(read_at(arrived), read_at(asked))
        } else {
            read_at(asked.plus(took / 2))
        };
        self.offset.store(offset, Ordering::Relaxed);
        self.compare();
    }

    /// Tells, once per disagreement, when this machine's wall clock is not the store's.
    fn compare(&self) {
        let (own, fleet) = (self.machine.now(), self.now());
        let skew = own.since(fleet).max(fleet.since(own));
        record::clock_skew(skew);
        let apart = skew > SKEW;
        if apart && !self.told.swap(apart, Ordering::Relaxed) {
            tracing::warn!(
                skew_seconds = skew.as_secs_f64(),
                "this machine's wall clock and the store's differ; the store's counts. Look at NTP on both"
            );
        } else if !apart {
            self.told.store(false, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Clock for FleetClock {
    fn now(&self) -> Timestamp {
        match self.offset.load(Ordering::Relaxed) {
            UNKNOWN => self.machine.now(),
            offset => Timestamp(signed(self.machine.monotonic()).saturating_add(offset)),
        }
    }

    fn monotonic(&self) -> Monotonic {
        self.machine.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.machine.sleep(duration).await;
    }
}

fn signed(at: Monotonic) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// A machine with a wall clock that can be set.
    #[derive(Debug)]
    struct Machine(Mutex<(i64, u64)>);

    #[async_trait]
    impl Clock for Machine {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.lock().0)
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic(self.0.lock().1)
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn at(wall: i64, steady: u64) -> (Arc<Machine>, FleetClock) {
        let machine = Arc::new(Machine(Mutex::new((wall, steady))));
        let clock = FleetClock::new(Arc::clone(&machine) as Arc<dyn Clock>);
        (machine, clock)
    }

    #[test]
    fn shows_the_machines_time_until_the_store_has_spoken() {
        let (_, clock) = at(5_000, 0);
        assert_eq!(clock.now(), Timestamp(5_000));
    }

    #[test]
    fn shows_the_stores_time_whatever_the_machines_wall_clock_does() {
        let (machine, clock) = at(0, 1_000);
        *machine.0.lock() = (0, 3_000);
        clock.learn(Timestamp(1_000_000), Monotonic(1_000));
        assert_eq!(clock.now(), Timestamp(1_001_000), "read half-way");
        *machine.0.lock() = (-86_400_000_000, 13_000);
        assert_eq!(clock.now(), Timestamp(1_011_000));
    }

    #[test]
    fn a_slow_answer_replaces_a_quick_one_only_where_they_contradict() {
        let (machine, clock) = at(0, 0);
        clock.learn(Timestamp(1_000_000), Monotonic(0));
        *machine.0.lock() = (0, 10_000_000);
        clock.learn(Timestamp(4_000_000), Monotonic(0));
        assert_eq!(clock.now(), Timestamp(11_000_000), "read 3 of 10 s ago");
        // The store's clock was set meanwhile: it was 99 s at some time in the last 10 s.
        clock.learn(Timestamp(99_000_000), Monotonic(0));
        assert_eq!(clock.now(), Timestamp(99_000_000));
        clock.learn(Timestamp(50_000_000), Monotonic(0));
        assert_eq!(clock.now(), Timestamp(60_000_000));
    }
}
