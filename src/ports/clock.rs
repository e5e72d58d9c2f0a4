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
    /// Returns once `duration` has passed on the steady clock.
    async fn sleep(&self, duration: Duration);
}
