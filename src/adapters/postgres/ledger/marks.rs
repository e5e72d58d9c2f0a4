//! How far the claims of this process have come.
//!
//! What a claim takes leaves a dead entry at the head of the index `delivery_due`, and it stays until
//! the next vacuum. With a large table that is a few hundred thousand entries away, and every claim
//! would walk over all of them. So one that filled leaves a mark, and the next one begins there.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::kinds::{Channel, Lane};
use crate::domain::time::Timestamp;
use crate::ports::store::{Claimed, PASSED_OVER, SMALL_CLAIM, Want};

/// What is claimed in one order.
type Pile = (AgencyNo, Lane, Channel);

/// Before everything: due since ever, below every id.
const START: (Timestamp, DeliveryId) = (Timestamp(i64::MIN), DeliveryId(i64::MIN));

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The last one taken.
    last: (Timestamp, DeliveryId),
    /// When the pile was last looked at from its head.
    since: Instant,
}

/// One mark per pile whose last claim filled.
#[derive(Debug, Default)]
pub(in crate::adapters::postgres) struct Marks(Mutex<HashMap<Pile, Mark>>);

impl Marks {
    /// Behind what the claim of each want begins: the last one taken, or the head if it is time to look
    /// there again, and for a small want.
    pub(super) fn after(&self, wants: &[Want], now: Instant) -> Vec<(Timestamp, DeliveryId)> {
        let marks = self.0.lock();
        let after = |want: &Want| match marks.get(&pile(want)) {
            Some(mark)
                if want.limit >= SMALL_CLAIM && now.duration_since(mark.since) < PASSED_OVER =>
            {
                mark.last
            }
            _ => START,
        };
        wants.iter().map(after).collect()
    }

    /// Notes what was taken, in the order of the pile: a claim that filled may have left more behind
    /// what it took last. After any other one there is nothing to walk over to.
    pub(super) fn note(
        &self,
        want: &Want,
        after: (Timestamp, DeliveryId),
        taken: &[Claimed],
        now: Instant,
    ) {
        let filled = taken.len() >= want.limit as usize;
        let last = taken.last().map(|last| (last.due, last.delivery));
        let mut marks = self.0.lock();
        match last.filter(|_| filled) {
            Some(_) if want.limit < SMALL_CLAIM => {}
            Some(last) if after == START => {
                marks.insert(pile(want), Mark { last, since: now });
            }
            // Only a look from the head sets its time.
            Some(last) => {
                if let Some(mark) = marks.get_mut(&pile(want)) {
                    mark.last = last;
                }
            }
            None => {
                marks.remove(&pile(want));
            }
        }
    }
}

const fn pile(want: &Want) -> Pile {
    (want.agency, want.lane, want.channel)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LATER: Duration = Duration::from_millis(1);

    fn want(limit: u32) -> Want {
        Want {
            agency: AgencyNo(1),
            lane: Lane::Normal,
            channel: Channel::Sms,
            limit,
        }
    }

    fn taken(count: u32) -> Vec<Claimed> {
        let claimed = |n: u32| Claimed {
            delivery: DeliveryId(i64::from(n)),
            agency: AgencyNo(1),
            lane: Lane::Normal,
            fixed: false,
            slot: 0,
            attempts: 0,
            tries: 0,
            due: Timestamp(7),
        };
        (1..=count).map(claimed).collect()
    }

    #[test]
    fn a_claim_that_filled_is_followed_by_one_behind_it_until_it_is_time_to_look_again() {
        let (marks, want, now) = (Marks::default(), want(SMALL_CLAIM), Instant::now());
        assert_eq!(marks.after(&[want], now), [START]);
        marks.note(&want, START, &taken(SMALL_CLAIM), now);
        let last = (Timestamp(7), DeliveryId(i64::from(SMALL_CLAIM)));
        assert_eq!(marks.after(&[want], now + LATER), [last]);
        // One that went on from there looked at no more than that.
        marks.note(&want, last, &taken(SMALL_CLAIM), now + LATER);
        assert_eq!(marks.after(&[want], now + PASSED_OVER), [START]);
    }

    #[test]
    fn one_that_is_small_looks_from_the_head_and_leaves_the_mark() {
        let (marks, now) = (Marks::default(), Instant::now());
        let (large, small) = (want(SMALL_CLAIM), want(SMALL_CLAIM - 1));
        marks.note(&large, START, &taken(SMALL_CLAIM), now);
        let marked = marks.after(&[large], now);
        assert_eq!(marks.after(&[small], now), [START]);
        marks.note(&small, START, &taken(SMALL_CLAIM - 1), now + LATER);
        assert_eq!(marks.after(&[large], now), marked);
    }

    #[test]
    fn one_that_did_not_fill_leaves_no_mark() {
        let (marks, now) = (Marks::default(), Instant::now());
        for limit in [SMALL_CLAIM, SMALL_CLAIM - 1] {
            marks.note(&want(SMALL_CLAIM), START, &taken(SMALL_CLAIM), now);
            marks.note(&want(limit), START, &taken(limit - 1), now);
            assert_eq!(marks.after(&[want(SMALL_CLAIM)], now), [START], "{limit}");
        }
    }
}
