//! What a proxy has seen and done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    connections: AtomicU64,
    passed: AtomicU64,
    swallowed: AtomicU64,
    ended: AtomicU64,
}

impl Counters {
    /// Connections taken.
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Bytes passed on, both directions.
    pub fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::Relaxed)
    }

    /// Bytes that disappeared.
    pub fn swallowed(&self) -> u64 {
        self.0.swallowed.load(Ordering::Relaxed)
    }

    /// Connections ended before their time.
    pub fn ended(&self) -> u64 {
        self.0.ended.load(Ordering::Relaxed)
    }

    pub(super) fn connected(&self) {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pass(&self, bytes: usize) {
        self.0.passed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn swallow(&self, bytes: usize) {
        self.0.swallowed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
