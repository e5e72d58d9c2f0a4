//! How much one phone number or e-mail address may get within an hour, over all agencies.
//!
//! The log of an address slides: it holds one entry for each try that may have left, with the time
//! of its intent. A second try of a delivery in the same slot takes the place of the first, which
//! then certainly never left (see [`crate::ports::store`] on live tries).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::DeliveryId;
use super::time::Timestamp;

/// So long a try counts: an hour, and ten seconds more because a message leaves up to some seconds
/// after its intent (`dispatch.slots_ahead_urgent`, `dispatch.slot_tolerance`).
pub const WINDOW: Duration = Duration::from_secs(3_610);

/// So long an entry is kept: intents of several gateways are not written in the order of their
/// times.
pub const KEEP: Duration = Duration::from_secs(3_670);

/// The limits; 0: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddressLimits {
    /// Tries with the same text within an hour.
    pub identical_per_hour: u32,
    /// Tries within an hour.
    pub any_per_hour: u32,
}

impl AddressLimits {
    /// Nothing is limited.
    pub const fn is_none(self) -> bool {
        self.identical_per_hour == 0 && self.any_per_hour == 0
    }
}

/// Digests of an address (with its channel) and of a text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressUse {
    /// Of the address.
    pub address: [u8; 16],
    /// Of the text.
    pub text: i64,
}

/// Masked: there are so few phone numbers that a digest can be turned back.
impl fmt::Debug for AddressUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressUse(***)")
    }
}

/// Who a try is for in the log: the delivery on its channel, and the slot as the sign.
pub const fn by(delivery: DeliveryId, slot: u8) -> i64 {
    if slot == 0 {
        delivery.0
    } else {
        delivery.0 ^ i64::MIN
    }
}

/// What an address got: time of the intent, digest of the text, [`by`]. Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressLog(Vec<(i64, i64, i64)>);

impl AddressLog {
    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// The text is something else.
    pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// As text.
    pub fn encode(&self) -> String {
        // Numbers always serialise; an empty text would be refused when it is read.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Notes a try if the limits leave room for it.
    ///
    /// # Errors
    /// The time from which on there will be room, if nothing else takes it. Nothing is noted.
    pub fn admit(
        &mut self,
        limits: AddressLimits,
        now: Timestamp,
        text: i64,
        by: i64,
    ) -> Result<(), Timestamp> {
        let (oldest, kept) = (now.minus(WINDOW).0, now.minus(KEEP).0);
        self.0.retain(|(at, _, who)| *at > kept && *who != by);
        let until = |limit: u32, same: &dyn Fn(i64) -> bool| {
            let counts = |(at, text, _): &&(i64, i64, i64)| *at > oldest && same(*text);
            let mut times: Vec<i64> = self.0.iter().filter(counts).map(|e| e.0).collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            // When the last that must go has gone.
            let place = usize::try_from(limit).ok()?.checked_sub(1)?;
            Some(Timestamp(*times.get(place)?).plus(WINDOW))
        };
        let any = until(limits.any_per_hour, &|_| true);
        let identical = until(limits.identical_per_hour, &|other| other == text);
        match any.max(identical) {
            Some(until) => Err(until),
            None => {
                self.0.push((now.0, text, by));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;

    use super::*;

    const LIMITS: AddressLimits = AddressLimits {
        identical_per_hour: 2,
        any_per_hour: 3,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_893_456_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn what_is_over_waits_until_the_oldest_of_the_hour_is_gone() {
        let mut log = AddressLog::default();
        assert_eq!(log.admit(LIMITS, at(0), 7, 1), Ok(()));
        assert_eq!(log.admit(LIMITS, at(60), 7, 2), Ok(()));
        assert_eq!(log.admit(LIMITS, at(120), 7, 3), Err(at(3_610)));
        assert_eq!(log.admit(LIMITS, at(120), 8, 3), Ok(()));
        assert_eq!(log.admit(LIMITS, at(180), 9, 4), Err(at(3_610)));
        assert_eq!(log.admit(LIMITS, at(3_610), 7, 4), Ok(()));
        assert_eq!(log.admit(LIMITS, at(3_611), 9, 5), Err(at(3_670)));
    }

    #[test]
    fn a_try_again_takes_the_place_of_the_one_that_did_not_leave() {
        let (first, second) = (by(DeliveryId(5), 0), by(DeliveryId(5), 1));
        assert_ne!(first, second);
        let mut log = AddressLog::default();
        for minute in 0..30 {
            assert_eq!(log.admit(LIMITS, at(minute * 60), 7, first), Ok(()));
        }
        assert_eq!(log.admit(LIMITS, at(1_800), 7, second), Ok(()));
        assert_eq!(log.admit(LIMITS, at(1_801), 7, 6), Err(at(1_740 + 3_610)));
    }

    #[test]
    fn without_limits_everything_goes_and_what_is_stored_reads_back() {
        let mut log = AddressLog::default();
        for by in 0..50 {
            assert_eq!(log.admit(AddressLimits::default(), at(0), 7, by), Ok(()));
        }
        assert_eq!(AddressLog::decode(&log.encode()).unwrap(), log);
        assert!(AddressLimits::default().is_none() && !LIMITS.is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_hour_holds_more_than_the_limits_and_who_waits_gets_in(
            identical in 0u32..5,
            any in 0u32..8,
            tries in vec((0i64..1_200, 0i64..3), 1..80),
        ) {
            let limits = AddressLimits { identical_per_hour: identical, any_per_hour: any };
            let mut log = AddressLog::default();
            let mut now = 0;
            let mut left: Vec<(i64, i64)> = Vec::new();
            for (by, (pause, text)) in (0..).zip(tries) {
                now += pause;
                match log.admit(limits, at(now), text, by) {
                    Ok(()) => left.push((now, text)),
                    Err(until) => {
                        proptest::prop_assert!(until > at(now) && until <= at(now).plus(WINDOW));
                        proptest::prop_assert_eq!(log.clone().admit(limits, until, text, by), Ok(()));
                        let earlier = Timestamp(until.0 - 1);
                        proptest::prop_assert!(log.clone().admit(limits, earlier, text, by).is_err());
                    }
                }
            }
            for (from, text) in &left {
                let hour = || left.iter().filter(|(at, _)| (*from..from + 3_600).contains(at));
                let same = hour().filter(|(_, other)| other == text).count();
                proptest::prop_assert!(any == 0 || hour().count() <= any as usize);
                proptest::prop_assert!(identical == 0 || same <= identical as usize);
            }
        }
    }
}
