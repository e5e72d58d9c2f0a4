//! Counts of tries.

use std::time::Duration;

use crate::domain::outcome::{Fault, Outcome};
use crate::domain::time::{Timestamp, micros};

/// What tries came to. An answer about the message or the recipient says nothing about the gateway
/// and is not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken over.
    pub taken: u64,
    /// Not taken, or nobody knows.
    pub failed: u64,
    /// How long those that were taken took together, in microseconds.
    pub micros: u64,
}

impl Tally {
    /// Whether `outcome` is the gateway's success (`Some(true)`) or failure (`Some(false)`); `None`:
    /// it was about the message, or our own lateness.
    pub const fn is_taken(outcome: &Outcome) -> Option<bool> {
        match outcome {
            Outcome::Accepted { .. } => Some(true),
            Outcome::NotSent(Fault::Permanent { .. } | Fault::Late) => None,
            Outcome::NotSent(Fault::Transient { .. } | Fault::Channel { .. })
            | Outcome::Unknown => Some(false),
        }
    }

    /// Counts one try.
    pub fn count(&mut self, outcome: &Outcome, took: Duration) {
        match Self::is_taken(outcome) {
            Some(true) => {
                self.taken += 1;
                self.micros = self
                    .micros
                    .saturating_add(u64::try_from(micros(took)).unwrap_or(0));
            }
            Some(false) => self.failed += 1,
            None => {}
        }
    }

    /// Both together.
    pub const fn add(&mut self, other: Self) {
        self.taken = self.taken.saturating_add(other.taken);
        self.failed = self.failed.saturating_add(other.failed);
        self.micros = self.micros.saturating_add(other.micros);
    }

    /// How many count.
    pub const fn counted(&self) -> u64 {
        self.taken.saturating_add(self.failed)
    }

    /// Nothing counts.
    pub const fn is_empty(&self) -> bool {
        self.counted() == 0
    }

    /// The share that failed, 0 to 1; 0 of nothing.
    pub fn failing(&self) -> f64 {
        match self.counted() {
            0 => 0.0,
            counted => self.failed as f64 / counted as f64,
        }
    }

    /// How long one that was taken took on average; `None`: none was.
    pub fn mean(&self) -> Option<Duration> {
        self.micros
            .checked_div(self.taken)
            .map(Duration::from_micros)
    }
}

/// The tries that ended in the few seconds from `at` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin {
    /// When it begins.
    pub at: Timestamp,
    /// What ended in it.
    pub tally: Tally,
}

/// What ended from `from` on: bins that began before it are left out whole.
pub fn window(bins: &[Bin], from: Timestamp) -> Tally {
    let mut sum = Tally::default();
    for bin in bins.iter().filter(|bin| bin.at >= from) {
        sum.add(bin.tally);
    }
    sum
}
