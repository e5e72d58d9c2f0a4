//! How late this machine wakes whoever asked to be woken: what must be granted to a measurement of
//! arrivals, because the moment of arrival is read by a task that waits for its turn, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::steady::{micros, steady_us};

const STEP: Duration = Duration::from_millis(5);

/// Wakes up every few milliseconds and notes how late.
#[derive(Debug)]
pub(crate) struct Jitter {
    worst: Arc<AtomicI64>,
    _task: AbortOnDropHandle<()>,
}

impl Jitter {
    /// Begins.
    pub(crate) fn watch() -> Self {
        let worst: Arc<AtomicI64> = Arc::default();
        let noted = Arc::clone(&worst);
        let task = tokio::spawn(async move {
            loop {
                let before = steady_us();
                tokio::time::sleep(STEP).await;
                let late = steady_us() - before - micros(STEP);
                noted.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self {
            worst,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// The worst so far, in seconds.
    pub(crate) fn worst_s(&self) -> f64 {
        self.worst.load(Ordering::Relaxed) as f64 / 1e6
    }
}
