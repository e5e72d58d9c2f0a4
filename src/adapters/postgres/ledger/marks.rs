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
    /// When all of the pile was last looked through.
    since: Instant,
}

/// One mark per pile whose last claim filled.
#[derive(Debug, Default)]
pub(in crate::adapters::postgres) struct Marks(Mutex<HashMap<Pile, Mark>>);

impl Marks {
    /// After what the claim of each want looks: the last one taken, or the start if that is long ago.
    pub(super) fn after(&self, wants: &[Want], now: Instant) -> Vec<(Timestamp, DeliveryId)> {
        let marks = self.0.lock();
        let after = |want: &Want| match marks.get(&pile(want)) {
            Some(mark) if now.duration_since(mark.since) < PASSED_OVER => mark.last,
            _ => START,
        };
        wants.iter().map(after).collect()
    }

    /// Notes what was taken, in the order of the pile: a claim that filled may have left more behind
    /// what it took last, any other one has seen the end.
    pub(super) fn note(
        &self,
        want: &Want,
        after: (Timestamp, DeliveryId),
        taken: &[Claimed],
        now: Instant,
    ) {
        let filled = want.limit >= SMALL_CLAIM && taken.len() >= want.limit as usize;
        let mut marks = self.0.lock();
        match taken.last().filter(|_| filled) {
            Some(last) => {
                let mark = marks.entry(pile(want)).or_insert(Mark {
                    last: START,
                    since: now,
                });
                mark.last = (last.due, last.delivery);
                if after == START {
                    mark.since = now;
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
    fn one_that_did_not_fill_or_is_small_leaves_no_mark() {
        let (marks, now) = (Marks::default(), Instant::now());
        for (limit, count) in [
            (SMALL_CLAIM, SMALL_CLAIM - 1),
            (SMALL_CLAIM - 1, SMALL_CLAIM - 1),
        ] {
            marks.note(&want(SMALL_CLAIM), START, &taken(SMALL_CLAIM), now);
            marks.note(&want(limit), START, &taken(count), now);
            assert_eq!(marks.after(&[want(limit)], now), [START], "{limit} {count}");
        }
    }
}
