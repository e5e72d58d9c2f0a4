//! The steady clock of the machine, which all its processes share, and waiting.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` in microseconds.
pub(crate) fn steady_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// An [`Instant`] in the same microseconds: on Linux both are `CLOCK_MONOTONIC`.
pub(crate) fn steady_us_of(at: Instant) -> i64 {
    let ago = Instant::now().saturating_duration_since(at);
    steady_us() - micros(ago)
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Seconds, for people.
pub(crate) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// Waits until `condition` holds; false if `limit` came first.
pub(crate) async fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
