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

/// So many are remembered; beyond it all are forgotten, and get their chances anew.
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
pub struct Late(Mutex<HashMap<DeliveryId, Times>>);

#[derive(Debug, Clone, Copy)]
struct Times {
    first: Monotonic,
    last: Monotonic,
    times: u8,
}

impl Late {
    /// It was late once more. What was late a minute ago and not since begins anew, as after a fault.
    pub fn came(&self, delivery: DeliveryId, now: Monotonic) -> Lateness {
        let mut late = self.0.lock();
        if late.len() >= REMEMBERED {
            late.clear();
        }
        let anew = Times {
            first: now,
            last: now,
            times: 0,
        };
        let entry = late.entry(delivery).or_insert(anew);
        if now.since(entry.last) >= LONG {
            *entry = anew;
        }
        entry.last = now;
        entry.times = entry.times.saturating_add(1);
        if entry.times < OFTEN {
            Lateness::Again
        } else if now.since(entry.first) < LONG {
            Lateness::Later
        } else {
            late.remove(&delivery);
            Lateness::Fault
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
        for second in [0, 1, 70, 71, 140] {
            assert_eq!(late.came(delivery(1), at(second)), Lateness::Again);
        }
        assert_eq!(late.came(delivery(2), at(140)), Lateness::Again);
        for position in 0..5_000 {
            late.came(delivery(position), at(140));
        }
        assert!(late.0.lock().len() <= REMEMBERED);
    }
}
