//! The machine's own clocks.

use std::time::Duration;

use async_trait::async_trait;
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::domain::time::Timestamp;
use crate::ports::clock::{Clock, Monotonic};

/// The steady clock that goes on while the machine is suspended: a virtual machine which was
/// frozen with a deadline running must find it passed.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: ClockId = ClockId::Boottime;
/// Elsewhere the steady clock as the system has it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: ClockId = ClockId::Monotonic;

/// The wall clock and the steady clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

fn micros(time: Timespec) -> i64 {
    time.tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(time.tv_nsec / 1_000)
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(micros(clock_gettime(ClockId::Realtime)))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(u64::try_from(micros(clock_gettime(STEADY))).unwrap_or(0))
    }

    fn told(&self) -> u64 {
        u64::try_from(micros(clock_gettime(ClockId::Monotonic))).unwrap_or(0)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_clocks_go_forward_and_the_wall_clock_shows_this_century() {
        let clock = SystemClock;
        let (wall, steady) = (clock.now(), clock.monotonic());
        clock.sleep(Duration::from_millis(2)).await;
        assert!(clock.monotonic().since(steady) >= Duration::from_millis(2));
        assert!(clock.now() > wall);
        assert!(wall > Timestamp(1_700_000_000_000_000));
    }
}
