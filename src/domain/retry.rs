//! When a delivery is tried again. Arithmetic only: the numbers come from the configuration, chance
//! and time from the caller.
//!
//! [`Outcome::Unknown`](super::outcome::Outcome::Unknown) never comes here: it is no fault.

use std::time::Duration;

use super::outcome::Fault;
use super::status::Reason;
use super::time::Timestamp;

/// The longest wait that the other side may ask of us. A longer one is cut: the next answer may ask
/// again.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// The wait after a fault of the channel that names none.
const CHANNEL_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A retry that would come too late is pulled in: a last try so long before the deadline at least, for
/// its own time on the wire …
const LAST_BEFORE: Duration = Duration::from_secs(5);
/// … and at most, at a random time between the two, so that those with one deadline do not come at
/// once …
const LAST_WITHIN: Duration = Duration::from_secs(60);
/// … but not sooner than this after the try before it.
const LAST_AFTER: Duration = Duration::from_secs(10);

/// How long to wait after each try: full jitter up to each step, the last repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    steps: Vec<Duration>,
}

/// A list of waits must hold one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must name at least one wait longer than zero, and none of zero")]
pub struct RetryPolicyError;

/// What becomes of a delivery after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Later.
    RetryAt {
        /// Not before.
        at: Timestamp,
        /// Whether the try counts among the delivery's tries; a fault of the channel does not.
        costs_try: bool,
    },
    /// Never again on this channel.
    GiveUp(Reason),
}

impl RetryPolicy {
    /// A policy of one or more steps.
    ///
    /// # Errors
    /// [`RetryPolicyError`] when there is no step, or one of zero.
    pub fn new(steps: Vec<Duration>) -> Result<Self, RetryPolicyError> {
        if steps.is_empty() || steps.contains(&Duration::ZERO) {
            return Err(RetryPolicyError);
        }
        Ok(Self { steps })
    }

    /// The wait after the `tries`-th try (from 1), between zero and that try's step.
    /// `unit_random` is uniform in `[0, 1)`.
    pub fn delay(&self, tries: u32, unit_random: f64) -> Duration {
        let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let step = self.steps.get(index).or(self.steps.last());
        share(step.copied().unwrap_or(MAX_RETRY_AFTER), unit_random)
    }
}

/// Decides after `fault`, the `tries`-th (from 1) try that counts; before the `deadline` or never. A
/// retry that would come after it becomes a last one shortly before, if there is still useful time.
/// `unit_random` is uniform in `[0, 1)`.
pub fn decide(
    policy: &RetryPolicy,
    fault: &Fault,
    tries: u32,
    now: Timestamp,
    deadline: Timestamp,
    unit_random: f64,
) -> Decision {
    let (wait, least, costs_try) = match fault {
        Fault::Permanent { reason } => return Decision::GiveUp(*reason),
        // The plan is asked again before the next try, and knows whether it is too late.
        Fault::Late => {
            return Decision::RetryAt {
                at: now,
                costs_try: false,
            };
        }
        Fault::Transient { retry_after } => {
            let asked = retry_after.map_or(Duration::ZERO, |wait| wait.min(MAX_RETRY_AFTER));
            (policy.delay(tries, unit_random).max(asked), asked, true)
        }
        Fault::Channel { retry_after } => {
            let (least, most) = CHANNEL_PAUSE;
            let pause = least + share(most - least, unit_random);
            let asked = retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
            (asked.unwrap_or(pause), asked.unwrap_or_default(), false)
        }
    };
    let at = now.plus(wait);
    if at < deadline {
        return Decision::RetryAt { at, costs_try };
    }
    match last_try(now.plus(least.max(LAST_AFTER)), deadline, unit_random) {
        Some(at) => Decision::RetryAt { at, costs_try },
        None => Decision::GiveUp(Reason::GatewayUnavailable),
    }
}

/// When a last try begins that may not begin before `earliest`.
fn last_try(earliest: Timestamp, deadline: Timestamp, unit_random: f64) -> Option<Timestamp> {
    let latest = deadline.minus(LAST_BEFORE);
    let earliest = earliest.max(deadline.minus(LAST_WITHIN));
    (earliest <= latest).then(|| earliest.plus(share(latest.since(earliest), unit_random)))
}

fn share(whole: Duration, unit_random: f64) -> Duration {
    if (0.0..=1.0).contains(&unit_random) {
        whole.mul_f64(unit_random)
    } else {
        whole
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn policy() -> RetryPolicy {
        RetryPolicy::new([30, 60, 120, 300, 900].map(seconds).to_vec()).unwrap()
    }

    fn retry(seconds: u64, costs_try: bool) -> Decision {
        Decision::RetryAt {
            at: NOW.plus(Duration::from_secs(seconds)),
            costs_try,
        }
    }

    #[test]
    fn each_fault_leads_where_the_table_says() {
        let transient = |after: Option<u64>| Fault::Transient {
            retry_after: after.map(seconds),
        };
        let channel = |after: Option<u64>| Fault::Channel {
            retry_after: after.map(seconds),
        };
        let half = |seconds: u64| Decision::RetryAt {
            at: NOW.plus(Duration::from_millis(seconds * 1_000 + 500)),
            costs_try: true,
        };
        let barred = Fault::Permanent {
            reason: Reason::Barred,
        };
        let unavailable = Decision::GiveUp(Reason::GatewayUnavailable);
        for (fault, tries, deadline, wanted) in [
            (transient(None), 1, 9_000, retry(15, true)),
            (transient(None), 3, 9_000, retry(60, true)),
            (transient(None), 5, 9_000, retry(450, true)),
            (transient(None), 77, 9_000, retry(450, true)),
            (transient(None), 0, 9_000, retry(15, true)),
            (transient(Some(100)), 1, 9_000, retry(100, true)),
            (transient(Some(100)), 4, 9_000, retry(150, true)),
            (transient(Some(86_400)), 1, 9_000, retry(3_600, true)),
            (transient(Some(86_400)), 1, 3_600, unavailable),
            (transient(None), 1, 16, retry(15, true)),
            // Too late at random: pulled in before the deadline …
            (transient(None), 1, 15, retry(10, true)),
            (transient(None), 5, 300, half(267)), // between 240 and 295
            (transient(None), 5, 31, retry(18, true)), // between 10 and 26
            (transient(Some(290)), 5, 300, half(292)),
            (channel(Some(290)), 5, 300, retry(290, false)),
            // … unless there is no useful time left, or more was asked for.
            (transient(None), 1, 14, unavailable),
            (transient(Some(297)), 5, 300, unavailable),
            (channel(Some(5)), 1, 9_000, retry(5, false)),
            (channel(Some(86_400)), 1, 9_000, retry(3_600, false)),
            (channel(Some(5)), 1, 5, unavailable),
            (Fault::Late, 1, 9_000, retry(0, false)),
            (Fault::Late, 9, 0, retry(0, false)),
            (barred.clone(), 1, 9_000, Decision::GiveUp(Reason::Barred)),
            (barred, 1, 0, Decision::GiveUp(Reason::Barred)),
        ] {
            let decision = decide(
                &policy(),
                &fault,
                tries,
                NOW,
                NOW.plus(seconds(deadline)),
                0.5,
            );
            assert_eq!(decision, wanted, "{fault:?} {tries} {deadline}");
        }
    }

    #[test]
    fn a_policy_without_a_wait_is_refused() {
        assert_eq!(RetryPolicy::new(vec![]), Err(RetryPolicyError));
        assert_eq!(
            RetryPolicy::new(vec![seconds(1), Duration::ZERO]),
            Err(RetryPolicyError)
        );
    }

    fn asked() -> impl Strategy<Value = Option<Duration>> {
        prop::option::of((0_u64..200_000).prop_map(seconds))
    }

    proptest! {
        #[test]
        fn the_wait_is_never_above_its_step(tries in any::<u32>(), unit in any::<f64>()) {
            let index = (tries.max(1) as usize - 1).min(4);
            prop_assert!(policy().delay(tries, unit) <= policy().steps[index]);
        }

        #[test]
        fn a_retry_is_before_the_deadline_and_not_before_what_was_asked_for(
            after in asked(), is_channel in any::<bool>(), tries in 1_u32..100, left in 0_u64..100_000, unit in 0.0_f64..1.0,
        ) {
            let fault = if is_channel {
                Fault::Channel { retry_after: after }
            } else {
                Fault::Transient { retry_after: after }
            };
            let deadline = NOW.plus(seconds(left));
            match decide(&policy(), &fault, tries, NOW, deadline, unit) {
                Decision::RetryAt { at, costs_try } => {
                    prop_assert!(at >= NOW && at < deadline);
                    prop_assert!(at >= NOW.plus(after.unwrap_or_default().min(MAX_RETRY_AFTER)));
                    prop_assert!(at <= NOW.plus(MAX_RETRY_AFTER));
                    prop_assert_eq!(costs_try, !is_channel);
                    if is_channel && after.is_none() {
                        prop_assert!(at >= NOW.plus(seconds(1)) && at <= NOW.plus(seconds(30)));
                    }
                }
                Decision::GiveUp(reason) => prop_assert_eq!(reason, Reason::GatewayUnavailable),
            }
        }

        #[test]
        fn what_is_refused_for_good_is_never_tried_again(tries in any::<u32>(), unit in 0.0_f64..1.0) {
            let fault = Fault::Permanent { reason: Reason::RefusedByGateway };
            let decision = decide(&policy(), &fault, tries, NOW, Timestamp::NEVER, unit);
            prop_assert_eq!(decision, Decision::GiveUp(Reason::RefusedByGateway));
        }
    }
}
