//! Which acknowledgements may go in one frame.
//!
//! The broker numbers the deliveries of a channel 1, 2, 3, … and `basic.ack(tag, multiple)` settles
//! every unsettled one up to `tag`, also those that we have not seen yet. So `multiple` may only
//! reach as far as everything from the beginning is settled or to be acknowledged now; the rest goes
//! one by one. Batched acknowledgements are worth four to five times the throughput.

use std::collections::{BTreeMap, BTreeSet};

/// What becomes of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The broker may forget it.
    Ack,
    /// The broker delivers it again.
    GiveBack,
}

/// One frame to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<A> {
    /// `basic.nack(tag, requeue)`.
    GiveBack(A),
    /// `basic.ack(tag)`.
    Ack(A),
    /// `basic.ack(tag, multiple)`.
    AckUpTo(A),
}

/// The tags of one channel. `A` is what acknowledges a tag.
#[derive(Debug)]
pub(super) struct Ledger<A> {
    /// Every tag below is settled.
    floor: u64,
    /// Settled, at or above the floor.
    settled: BTreeSet<u64>,
    waiting: BTreeMap<u64, (Verdict, A)>,
}

impl<A> Ledger<A> {
    pub(super) const fn new() -> Self {
        Self {
            floor: 1,
            settled: BTreeSet::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Notes what becomes of a delivery; the first verdict counts.
    pub(super) fn note(&mut self, tag: u64, verdict: Verdict, acker: A) {
        if tag >= self.floor && !self.settled.contains(&tag) {
            self.waiting.entry(tag).or_insert((verdict, acker));
        }
    }

    /// The frames that settle all that was noted, to be sent in this order. Everything in them
    /// counts as settled from here on: a frame that fails means that the channel is gone, and all
    /// its tags with it.
    pub(super) fn take(&mut self) -> Vec<Frame<A>> {
        let waiting = std::mem::take(&mut self.waiting);
        self.settled.extend(waiting.keys());
        while self.settled.remove(&self.floor) {
            self.floor += 1;
        }
        let mut given_back = Vec::new();
        let mut prefix = None;
        let mut rest = Vec::new();
        for (tag, (verdict, acker)) in waiting {
            match verdict {
                // First, so that the prefix does not acknowledge them.
                Verdict::GiveBack => given_back.push(Frame::GiveBack(acker)),
                Verdict::Ack if tag < self.floor => prefix = Some(Frame::AckUpTo(acker)),
                Verdict::Ack => rest.push(Frame::Ack(acker)),
            }
        }
        given_back.into_iter().chain(prefix).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ledger(acks: &[u64]) -> Ledger<u64> {
        let mut ledger = Ledger::new();
        for tag in acks {
            ledger.note(*tag, Verdict::Ack, *tag);
        }
        ledger
    }

    #[test]
    fn a_prefix_is_one_frame() {
        assert_eq!(ledger(&[3, 1, 2]).take(), [Frame::AckUpTo(3)]);
    }

    #[test]
    fn what_stands_behind_a_gap_goes_alone() {
        let mut ledger = ledger(&[1, 2, 4, 5]);
        assert_eq!(
            ledger.take(),
            [Frame::AckUpTo(2), Frame::Ack(4), Frame::Ack(5)]
        );
        ledger.note(3, Verdict::Ack, 3);
        assert_eq!(ledger.take(), [Frame::AckUpTo(3)]);
        ledger.note(6, Verdict::Ack, 6);
        assert_eq!(ledger.take(), [Frame::AckUpTo(6)]);
    }

    #[test]
    fn a_delivery_is_settled_once() {
        let mut ledger = ledger(&[1]);
        ledger.note(1, Verdict::GiveBack, 1);
        assert_eq!(ledger.take(), [Frame::AckUpTo(1)]);
        ledger.note(1, Verdict::Ack, 1);
        assert_eq!(ledger.take(), []);
    }

    /// What a broker does with the frames; the error is what closes a channel.
    #[derive(Default)]
    struct Broker {
        unsettled: BTreeSet<u64>,
        acked: BTreeSet<u64>,
        requeued: BTreeSet<u64>,
    }

    impl Broker {
        fn receive(&mut self, frame: Frame<u64>) -> Result<(), TestCaseError> {
            match frame {
                Frame::GiveBack(tag) => {
                    prop_assert!(self.unsettled.remove(&tag), "unknown tag {}", tag);
                    self.requeued.insert(tag);
                }
                Frame::Ack(tag) => {
                    prop_assert!(self.unsettled.remove(&tag), "unknown tag {}", tag);
                    self.acked.insert(tag);
                }
                Frame::AckUpTo(tag) => {
                    prop_assert!(self.unsettled.contains(&tag), "unknown tag {}", tag);
                    let rest = self.unsettled.split_off(&(tag + 1));
                    self.acked
                        .extend(std::mem::replace(&mut self.unsettled, rest));
                }
            }
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn the_broker_settles_exactly_what_was_noted(
            order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle(),
            verdicts in proptest::collection::vec(any::<bool>(), 40),
            batches in proptest::collection::vec(1..8_usize, 1..20),
        ) {
            let mut broker = Broker { unsettled: (1..=40).collect(), ..Broker::default() };
            let mut ledger = Ledger::new();
            let mut noted = order.into_iter();
            let (mut acks, mut returns) = (BTreeSet::new(), BTreeSet::new());
            for batch in batches {
                for tag in noted.by_ref().take(batch) {
                    let index = usize::try_from(tag - 1).unwrap();
                    let (verdict, set) = if verdicts[index] {
                        (Verdict::Ack, &mut acks)
                    } else {
                        (Verdict::GiveBack, &mut returns)
                    };
                    set.insert(tag);
                    ledger.note(tag, verdict, tag);
                }
                for frame in ledger.take() {
                    broker.receive(frame)?;
                }
                prop_assert_eq!(&broker.acked, &acks);
                prop_assert_eq!(&broker.requeued, &returns);
            }
        }
    }
}
