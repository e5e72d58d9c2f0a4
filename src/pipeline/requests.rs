//! The requests that a line may have in flight, and how fast they become free.

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::ports::clock::{Clock, Monotonic};

/// The gap between two counts so much, over the number of requests: they come in bursts of as many.
const WEIGHT: f64 = 0.25;

/// See the module.
#[derive(Debug)]
pub(super) struct Requests {
    free: Semaphore,
    at_most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    /// When the last one was.
    at: Monotonic,
    /// The mean time from one to the next as long as somebody waits for one, in microseconds.
    every: f64,
}

impl Requests {
    /// So many at once, at least one.
    pub(super) fn new(at_most: usize, now: Monotonic) -> Self {
        let at_most = at_most.max(1);
        let taken = Taken {
            at: now,
            every: 0.0,
        };
        Self {
            free: Semaphore::new(at_most),
            at_most,
            taken: Mutex::new(taken),
        }
    }

    /// How many at once.
    pub(super) const fn at_most(&self) -> usize {
        self.at_most
    }

    /// From one to the next when all are in use, in microseconds; 0: nothing is known.
    pub(super) fn every(&self) -> f64 {
        self.taken.lock().every
    }

    /// Waits for a free one. With nobody else waiting they come `at_best` microseconds apart, going by
    /// what each takes. `None`: none will be free any more.
    pub(super) async fn one(&self, clock: &dyn Clock, at_best: f64) -> Option<SemaphorePermit<'_>> {
        let waits = self.free.available_permits() == 0;
        let from = clock.monotonic();
        let permit = self.free.acquire().await.ok()?;
        let now = clock.monotonic();
        let mut taken = self.taken.lock();
        let gap = if waits {
            // All were in use, and somebody waited, since the last one or since this one came.
            now.since(taken.at.max(from)).as_secs_f64() * 1e6
        } else {
            at_best
        };
        taken.every += WEIGHT / self.at_most as f64 * (gap - taken.every);
        taken.at = now;
        drop(taken);
        Some(permit)
    }
}
