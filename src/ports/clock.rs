//! Time as the pipeline knows it. Nothing else asks the machine for the time or sleeps, so that a
//! simulation can move it.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::time::Timestamp;

/// A point on a clock that never jumps, in microseconds from an arbitrary start. It counts time in
/// which the machine was suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// `self + duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }

    /// `self - duration`, at the earliest the start of the clock.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }

    /// `self - earlier`, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The clock.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The wall clock: for windows, deadlines and what people are told.
    fn now(&self) -> Timestamp;
    /// The steady clock: for deadlines on the wire and for slots.
    fn monotonic(&self) -> Monotonic;
    /// The steady clock as other programs on this machine have it, in microseconds: for what is told
    /// to them. On Unix `CLOCK_MONOTONIC`.
    fn told(&self) -> u64 {
        self.monotonic().0
    }
    /// Returns once `duration` has passed on the steady clock.
    async fn sleep(&self, duration: Duration);
    /// Returns once the steady clock shows `at`, never before.
    async fn sleep_until(&self, at: Monotonic) {
        loop {
            let left = at.since(self.monotonic());
            if left.is_zero() {
                return;
            }
            self.sleep(left).await;
        }
    }
}

#[cfg(test)]
pub mod by_hand {
    //! A clock that moves when it is told to, and when somebody sleeps.

    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Microseconds on the steady clock.
    #[derive(Debug, Default)]
    pub struct ByHand(pub AtomicU64);

    #[async_trait]
    impl Clock for ByHand {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }
        fn monotonic(&self) -> Monotonic {
            Monotonic(self.0.load(Ordering::SeqCst))
        }
        async fn sleep(&self, duration: Duration) {
            let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            self.0.fetch_add(micros, Ordering::SeqCst);
        }
    }
}
