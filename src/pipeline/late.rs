//! What was late for its slots on one line: a gateway that is too slow for one message alone.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::ids::DeliveryId;

/// So often a delivery may be late before that counts as a fault.
const OFTEN: u8 = 3;

/// So many are remembered; beyond it all are forgotten, and get their chances anew.
const REMEMBERED: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub struct Late(Mutex<HashMap<DeliveryId, u8>>);

impl Late {
    /// It was late once more; whether that was enough, and it is counted anew.
    pub fn is_enough(&self, delivery: DeliveryId) -> bool {
        let mut late = self.0.lock();
        if late.len() >= REMEMBERED {
            late.clear();
        }
        let times = late.entry(delivery).or_insert(0);
        *times += 1;
        let enough = *times >= OFTEN;
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

    #[test]
    fn the_third_time_is_enough_and_each_delivery_counts_for_itself() {
        let late = Late::default();
        let delivery = |position| DeliveryId::of(JobNo(1), position, 0, Channel::Email);
        for expected in [false, false, true, false] {
            assert_eq!(late.is_enough(delivery(1)), expected);
        }
        assert!(!late.is_enough(delivery(2)));
        for position in 0..5_000 {
            late.is_enough(delivery(position));
        }
        assert!(late.0.lock().len() <= REMEMBERED);
    }
}
