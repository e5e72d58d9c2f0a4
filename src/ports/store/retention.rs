//! Erasing what may not be kept.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::time::Timestamp;

/// How much was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Jobs whose texts, values and addresses went.
    pub texts: u64,
    /// Jobs whose identity numbers went.
    pub identities: u64,
    /// Jobs that went whole.
    pub jobs: u64,
    /// Events that left the feed.
    pub events: u64,
}

impl Erased {
    /// Nothing was left to erase.
    pub const fn is_nothing(&self) -> bool {
        self.texts == 0 && self.identities == 0 && self.jobs == 0 && self.events == 0
    }
}

/// Retention. A job's age counts from when everything of it was settled.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Erases, at most `limit` jobs (and `limit` × 100 events) of each kind: texts, values,
    /// addresses of jobs settled before `texts`; identity numbers before `identities`; whole jobs
    /// with deliveries, tries and chunks before `facts`; events older than `events` that are
    /// published or have no broker. Also dead workers, claims nobody holds, the gateways' history
    /// before `facts`, parked receipts older than seven days, cover keys of erased jobs, and, at the
    /// latest when nothing else is left, what addresses got more than an hour ago. What is erased MUST
    /// NOT be found in the database's files afterwards (SQLite: `secure_delete`, and the write-ahead
    /// log is truncated).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erase(
        &self,
        texts: Timestamp,
        identities: Timestamp,
        facts: Timestamp,
        events: Timestamp,
        limit: u32,
    ) -> Result<Erased, StoreError>;
}
