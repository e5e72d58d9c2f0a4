//! What was late for its slots on one line: a gateway that is too slow for one message alone.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::ids::DeliveryId;
use crate::ports::clock::Monotonic;

/// So often a delivery may be late before that counts as a fault.
const OFTEN: u8 = 3;

/// And for so long: while a line warms up, everything is late.
const LONG: Duration = Duration::from_secs(1);

/// So many are remembered; beyond it all are forgotten, and get their chances anew.
const REMEMBERED: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub struct Late(Mutex<HashMap<DeliveryId, (Monotonic, u8)>>);

impl Late {
    /// It was late once more; whether that was enough, and it is counted anew.
    pub fn is_enough(&self, delivery: DeliveryId, now: Monotonic) -> bool {
        let mut late = self.0.lock();
        if late.len() >= REMEMBERED {
            late.clear();
        }
        let (since, times) = late.entry(delivery).or_insert((now, 0));
        *times = times.saturating_add(1);
        let enough = *times >= OFTEN && now.since(*since) >= LONG;
        if enough {
            late.remove(&delivery);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::JobNo;
    use crate::domain::kinds::Channel;

    const fn at(millis: u64) -> Monotonic {
        Monotonic(millis * 1_000)
    }

    #[test]
    fn the_third_time_is_enough_and_each_delivery_counts_for_itself() {
        let late = Late::default();
        let delivery = |position| DeliveryId::of(JobNo(1), position, 0, Channel::Email);
        for (second, expected) in (0..).zip([false, false, true, false]) {
            assert_eq!(late.is_enough(delivery(1), at(second * 1_000)), expected);
        }
        assert!(!late.is_enough(delivery(2), at(4_000)));
        for position in 0..5_000 {
            late.is_enough(delivery(position), at(5_000));
        }
        assert!(late.0.lock().len() <= REMEMBERED);
    }

    #[test]
    fn what_is_late_again_and_again_within_a_moment_gets_more_chances() {
        let late = Late::default();
        let delivery = DeliveryId::of(JobNo(1), 1, 0, Channel::Email);
        for time in 0..10 {
            assert!(!late.is_enough(delivery, at(time * 100)));
        }
        assert!(late.is_enough(delivery, at(1_000)));
    }
}
