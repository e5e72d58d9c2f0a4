//! Agencies whose events the broker does not take, because their queue is full or missing: each is
//! left alone for a while, longer each time. What is read and offered in vain, the others pay for.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::ids::AgencyNo;
use crate::ports::clock::Monotonic;

/// After the first refusal, and after one that came behind some events that were taken.
const FIRST: Duration = Duration::from_millis(500);
/// It doubles up to this: so long at most an agency waits whose queue takes events again.
const LONGEST: Duration = Duration::from_secs(10);
/// How many are offered to see whether the queue takes events again.
const TRIAL: usize = 16;

/// What became of one agency's events in a round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) agency: AgencyNo,
    /// That wait, as far as they were read.
    pub(super) waiting: usize,
    /// The first so many of them.
    pub(super) offered: usize,
    /// The first so many of these.
    pub(super) taken: usize,
}

#[derive(Debug)]
struct Rest {
    wait: Duration,
    until: Monotonic,
    events: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Resting(BTreeMap<AgencyNo, Rest>);

impl Resting {
    /// None.
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Those that are left alone now.
    pub(super) fn at(&self, now: Monotonic) -> Vec<AgencyNo> {
        let resting = self.0.iter().filter(|(_, rest)| rest.until > now);
        resting.map(|(agency, _)| *agency).collect()
    }

    /// How many of an agency's events may be offered.
    pub(super) fn window(&self, agency: AgencyNo) -> usize {
        if self.0.contains_key(&agency) {
            TRIAL
        } else {
            usize::MAX
        }
    }

    /// The round that began then, when the resting ones were left out, has ended.
    pub(super) fn ended(&mut self, began: Monotonic, now: Monotonic, offers: &[Offer]) {
        let mut before = std::mem::take(&mut self.0);
        for offer in offers.iter().filter(|offer| offer.taken < offer.offered) {
            let wait = match before.get(&offer.agency) {
                Some(rest) if offer.taken == 0 => (rest.wait * 2).min(LONGEST),
                Some(_) | None => FIRST,
            };
            let rest = Rest {
                wait,
                until: now.plus(wait),
                events: offer.waiting - offer.taken,
            };
            self.0.insert(offer.agency, rest);
        }
        before.retain(|_, rest| rest.until > began);
        self.0.append(&mut before);
    }

    /// How many events of all of them there were when they were offered last.
    pub(super) fn events(&self) -> usize {
        self.0.values().map(|rest| rest.events).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OSLO: AgencyNo = AgencyNo(1);
    const BERGEN: AgencyNo = AgencyNo(2);

    fn offer(agency: AgencyNo, offered: usize, taken: usize) -> Offer {
        Offer {
            agency,
            waiting: 1_000,
            offered,
            taken,
        }
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic(millis * 1_000)
    }

    #[test]
    fn who_takes_nothing_is_asked_seldom_and_for_little() {
        let mut resting = Resting::new();
        let (mut now, mut asked, mut offered) = (0, 0, 0);
        while now < 600_000 {
            if resting.at(at(now)).is_empty() {
                asked += 1;
                let window = resting.window(OSLO).min(1_000);
                offered += window;
                resting.ended(at(now), at(now), &[offer(OSLO, window, 0)]);
                assert_eq!(resting.events(), 1_000);
            }
            now += 100;
        }
        assert_eq!((asked, offered), (64, 1_000 + 63 * TRIAL));
    }

    #[test]
    fn who_takes_everything_again_is_like_the_others_at_once() {
        let mut resting = Resting::new();
        resting.ended(at(0), at(0), &[offer(OSLO, 1_000, 0)]);
        resting.ended(at(500), at(500), &[offer(OSLO, 16, 0)]);
        assert_eq!(resting.at(at(1_499)), [OSLO]);
        assert_eq!(resting.at(at(1_500)), []);
        resting.ended(at(1_500), at(1_500), &[offer(OSLO, 16, 16)]);
        assert_eq!((resting.window(OSLO), resting.events()), (usize::MAX, 0));
    }

    #[test]
    fn who_takes_some_is_asked_again_soon() {
        let mut resting = Resting::new();
        for round in 0..5 {
            let now = at(round * 10_000);
            resting.ended(now, now, &[offer(OSLO, 1_000, 0)]);
        }
        resting.ended(at(50_000), at(50_000), &[offer(OSLO, 16, 3)]);
        assert_eq!(resting.at(at(50_499)), [OSLO]);
        assert_eq!(resting.at(at(50_500)), []);
    }

    #[test]
    fn the_others_rounds_change_nothing() {
        let mut resting = Resting::new();
        resting.ended(at(0), at(0), &[offer(OSLO, 1_000, 0), offer(BERGEN, 9, 9)]);
        assert_eq!(resting.window(BERGEN), usize::MAX);
        resting.ended(at(100), at(120), &[offer(BERGEN, 1_000, 1_000)]);
        assert_eq!(resting.at(at(499)), [OSLO]);
        assert_eq!(resting.window(OSLO), TRIAL);
    }

    #[test]
    fn who_has_nothing_left_is_forgotten() {
        let mut resting = Resting::new();
        resting.ended(at(0), at(0), &[offer(OSLO, 1_000, 0)]);
        resting.ended(at(600), at(600), &[]);
        assert_eq!((resting.window(OSLO), resting.events()), (usize::MAX, 0));
    }
}
