//! Workers: who is alive, whose work must be found again, how much waits.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::{AgencyNo, WorkerId};
use crate::domain::kinds::Lane;
use crate::domain::time::Timestamp;

/// What the reaper did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Workers found dead.
    pub workers: u64,
    /// Deliveries without an open try that go on at once.
    pub handed_back: u64,
    /// Open tries that became unknown.
    pub unknown: u64,
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Whose.
    pub agency: AgencyNo,
    /// In which lane.
    pub lane: Lane,
    /// Due and unclaimed, counted up to 100,000.
    pub due: u64,
    /// The oldest of them.
    pub oldest_due: Option<Timestamp>,
}

/// Workers.
#[async_trait]
pub trait Workers: Send + Sync {
    /// A new worker, alive from now.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn start_worker(&self, name: &str) -> Result<WorkerId, StoreError>;

    /// Says that the worker lives, and answers the store's time. `None`: the reaper took it for
    /// dead; it must start anew and must not use anything it had claimed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn heartbeat(&self, worker: WorkerId) -> Result<Option<Timestamp>, StoreError>;

    /// The worker ends well: what it holds without an open try is handed back, open tries become
    /// unknown as with [`Workers::reap`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_worker(
        &self,
        worker: WorkerId,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError>;

    /// Finds workers whose last heartbeat is older than `dead_after` by the store's clock, and in
    /// one transaction marks them dead, hands back what they held without an open try (due as it
    /// was) and makes their open tries unknown: outcome `unknown`, state unknown, due at the
    /// intent's time plus `unknown_*` of the channel. Never writes "not sent".
    ///
    /// # Errors
    /// [`StoreError`].
    async fn reap(
        &self,
        dead_after: Duration,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<Reaped, StoreError>;

    /// How much is due, by agency and lane.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError>;

    /// Raises deliveries that have been due and unclaimed in their lane for longer than `after` by
    /// one lane, at most `limit` of each lane; returns how many. To urgent only while fewer than
    /// [`RAISED_AT_MOST`](crate::domain::fair::RAISED_AT_MOST) of the agency and channel are due
    /// there. A call raises nothing twice, and the next step takes as long again. Nothing is raised
    /// of an agency that is stopped, or while everybody is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn raise_lanes(&self, after: Duration, limit: u32) -> Result<u64, StoreError>;

    /// A round trip: the store answers.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn ping(&self) -> Result<(), StoreError>;
}
