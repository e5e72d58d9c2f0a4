//! How long something takes, and how often it happens, learnt from how it was.
//!
//! The arithmetic of TCP's retransmission timer (RFC 6298), a smoothed mean and a smoothed deviation;
//! the deviation is smoothed more than there, because one late message is dearer than an early one.

use std::time::Duration;

/// A new observation counts so much.
const WEIGHT: f64 = 0.125;

/// A smoothed mean with its deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    mean: f64,
    deviation: f64,
    is_guess: bool,
}

impl Estimate {
    /// Nothing was observed yet; until then [`Estimate::high`] is `guess`.
    pub fn guess(guess: Duration) -> Self {
        Self {
            mean: guess.as_secs_f64(),
            deviation: 0.0,
            is_guess: true,
        }
    }

    /// It took so long.
    pub fn observe(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        if self.is_guess {
            *self = Self {
                mean: took,
                deviation: took / 2.0,
                is_guess: false,
            };
            return;
        }
        let error = took - self.mean;
        self.mean += WEIGHT * error;
        self.deviation += WEIGHT * (error.abs() - self.deviation);
    }

    /// What it hardly ever takes longer than: the mean and four deviations.
    pub fn high(&self) -> Duration {
        Duration::from_secs_f64(self.mean + 4.0 * self.deviation)
    }
}

/// How often something is so: an exponentially weighted share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Often(f64);

impl Often {
    /// Always, until something else was seen.
    pub const ALWAYS: Self = Self(1.0);

    /// It was so, or not.
    pub fn observe(&mut self, so: bool) {
        self.0 += WEIGHT * (f64::from(u8::from(so)) - self.0);
    }

    /// Whether it is so more often than not.
    pub fn mostly(self) -> bool {
        self.0 > 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_guess_holds_until_the_first_observation() {
        let mut estimate = Estimate::guess(millis(50));
        assert_eq!(estimate.high(), millis(50));
        estimate.observe(millis(10));
        assert_eq!(estimate.high(), millis(30));
    }

    #[test]
    fn what_always_takes_as_long_is_known_closely_and_a_change_is_followed() {
        let mut estimate = Estimate::guess(millis(50));
        for _ in 0..40 {
            estimate.observe(millis(20));
        }
        assert!(estimate.high() < millis(21), "{estimate:?}");
        for _ in 0..3 {
            estimate.observe(millis(400));
        }
        assert!(estimate.high() > millis(400), "{estimate:?}");
        for _ in 0..80 {
            estimate.observe(millis(20));
        }
        assert!(estimate.high() < millis(25), "{estimate:?}");
    }

    #[test]
    fn what_was_always_so_is_mostly_so_until_it_is_not_several_times() {
        let mut often = Often::ALWAYS;
        for _ in 0..5 {
            often.observe(false);
        }
        assert!(often.mostly(), "{often:?}");
        often.observe(false);
        assert!(!often.mostly(), "{often:?}");
        for _ in 0..6 {
            often.observe(true);
        }
        assert!(often.mostly(), "{often:?}");
    }

    proptest::proptest! {
        #[test]
        fn nearly_everything_is_below_high(seed in 0_u64..1_000, spread in 1_u64..50) {
            let mut estimate = Estimate::guess(millis(50));
            let mut above = 0;
            for step in 0..400_u64 {
                let dice = (seed * 400 + step + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let took = millis(20 + (dice ^ (dice >> 29)) % spread);
                above += u32::from(step > 20 && took > estimate.high());
                estimate.observe(took);
            }
            proptest::prop_assert!(above <= 4, "{above} of 380");
        }
    }
}
