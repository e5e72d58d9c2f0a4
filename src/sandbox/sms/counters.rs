//! What happened at the gateway, in numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Fault;

const FAULTS: usize = Fault::ALL.len();

/// The numbers, shared; cloning gives another view of the same.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    arrived: AtomicU64,
    repeats: AtomicU64,
    refused: AtomicU64,
    faults: [AtomicU64; FAULTS],
    reported: AtomicU64,
    reports_lost: AtomicU64,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $count:ident) => {
        $(#[$doc])*
        pub fn $name(&self) -> u64 {
            self.0.$name.load(Ordering::Relaxed)
        }

        pub(super) fn $count(&self) {
            self.0.$name.fetch_add(1, Ordering::Relaxed);
        }
    };
}

impl Counters {
    number!(
        /// Requests that held a message.
        arrived, count_arrived
    );
    number!(
        /// Repeats of a reference that were folded.
        repeats, count_repeat
    );
    number!(
        /// Messages refused because of the receiver.
        refused, count_refused
    );
    number!(
        /// Reports that were taken over with a 2xx.
        reported, count_reported
    );
    number!(
        /// Reports given up.
        reports_lost, count_report_lost
    );

    /// How often `fault` was thrown.
    pub fn thrown(&self, fault: Fault) -> u64 {
        self.0.faults[fault.index()].load(Ordering::Relaxed)
    }

    /// How many faults were thrown in all.
    pub fn thrown_in_all(&self) -> u64 {
        Fault::ALL.iter().map(|fault| self.thrown(*fault)).sum()
    }

    pub(super) fn count_fault(&self, fault: Fault) {
        self.0.faults[fault.index()].fetch_add(1, Ordering::Relaxed);
    }
}
