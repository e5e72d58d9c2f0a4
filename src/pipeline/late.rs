//! What was late for its slots on one line: a gateway that is too slow for one message alone.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::ids::DeliveryId;
use crate::ports::clock::Monotonic;

/// So often a delivery may be late before it waits a little: it would take one slot after the other
/// from those that are not.
const OFTEN: u8 = 3;

/// Whoever is late for so long is late because of the gateway. Before that it may be this worker,
/// that a line warms up or the machine is busy, and no try is counted.
const LONG: Duration = Duration::from_mins(1);

/// What was late so long ago, and not since, begins anew. In a large fleet, or behind a backlog, it
/// takes its time until a delivery comes again.
const FORGOTTEN: Duration = Duration::from_mins(15);

/// At least so many are remembered, those that were late last.
const REMEMBERED: usize = 4_096;

/// What follows from being late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lateness {
    /// The next slot.
    Again,
    /// A slot in some seconds.
    Later,
    /// It counts as a fault, and the delivery waits as after any other.
    Fault,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Late(Mutex<Memory>);

/// Those that were late last, and those before them; the older half goes when the younger is full.
#[derive(Debug, Default)]
struct Memory {
    young: HashMap<DeliveryId, Times>,
    old: HashMap<DeliveryId, Times>,
}

impl Memory {
    fn take(&mut self, delivery: DeliveryId) -> Option<Times> {
        let young = self.young.remove(&delivery);
        young.or_else(|| self.old.remove(&delivery))
    }

    fn put(&mut self, delivery: DeliveryId, times: Times) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(delivery, times);
    }
}

#[derive(Debug, Clone, Copy)]
struct Times {
    first: Monotonic,
    last: Monotonic,
    times: u8,
}

impl Late {
    /// It was late once more. After a fault it begins anew.
    pub fn came(&self, delivery: DeliveryId, now: Monotonic) -> Lateness {
        let mut late = self.0.lock();
        let known = late.take(delivery);
        let known = known.filter(|times| now.since(times.last) < FORGOTTEN);
        let times = Times {
            first: known.map_or(now, |times| times.first),
            last: now,
            times: known.map_or(1, |times| times.times.saturating_add(1)),
        };
        if times.times >= OFTEN && now.since(times.first) >= LONG {
            return Lateness::Fault;
        }
        late.put(delivery, times);
        if times.times < OFTEN {
            Lateness::Again
        } else {
            Lateness::Later
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::JobNo;
    use crate::domain::kinds::Channel;

    const fn at(second: u64) -> Monotonic {
        Monotonic(second * 1_000_000)
    }

    fn delivery(position: u16) -> DeliveryId {
        DeliveryId::of(JobNo(1), position, 0, Channel::Email)
    }

    #[test]
    fn whoever_is_late_again_and_again_waits_a_little_and_for_a_minute_has_a_fault() {
        let late = Late::default();
        let mut seen = Vec::new();
        for second in [0, 0, 1, 20, 59, 60, 61, 62, 63] {
            seen.push(late.came(delivery(1), at(second)));
        }
        use Lateness::{Again, Fault, Later};
        let expected = [
            Again, Again, Later, Later, Later, Fault, Again, Again, Later,
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn each_delivery_counts_for_itself_and_old_times_are_forgotten() {
        let late = Late::default();
        for second in [0, 1, 1_000, 1_001, 2_000] {
            assert_eq!(late.came(delivery(1), at(second)), Lateness::Again);
        }
        assert_eq!(late.came(delivery(2), at(2_000)), Lateness::Again);
    }

    #[test]
    fn behind_a_backlog_a_minute_may_pass_from_one_time_to_the_next() {
        let late = Late::default();
        assert_eq!(late.came(delivery(1), at(0)), Lateness::Again);
        assert_eq!(late.came(delivery(1), at(90)), Lateness::Again);
        assert_eq!(late.came(delivery(1), at(180)), Lateness::Fault);
    }

    #[test]
    fn many_do_not_make_each_other_forgotten_and_memory_is_bounded() {
        let late = Late::default();
        for position in 0..5_000 {
            assert_eq!(late.came(delivery(position), at(0)), Lateness::Again);
            assert_eq!(late.came(delivery(position), at(1)), Lateness::Again);
        }
        for position in 2_000..5_000 {
            assert_eq!(late.came(delivery(position), at(61)), Lateness::Fault);
        }
        for position in 5_000..16_000 {
            late.came(delivery(position), at(62));
        }
        let memory = late.0.lock();
        assert!(memory.young.len() + memory.old.len() <= 2 * REMEMBERED);
    }
}
