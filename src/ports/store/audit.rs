//! The audit of look-ups, and keys that are kept beside it.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::audit::{End, Link};
use crate::domain::ids::{AgencyId, JobName};
use crate::domain::time::Timestamp;

/// A strand: the chain of one run of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strand {
    /// When it began.
    pub started_at: Timestamp,
    /// Where it ends.
    pub end: End,
}

/// Which links are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this agency only.
    pub agency: Option<AgencyId>,
    /// Of this job only.
    pub job: Option<JobName>,
    /// Not older.
    pub since: Timestamp,
}

/// The audit. Append only: the database itself refuses to change a link, and to delete one by any
/// other way than [`Audit::erase_audit`].
#[async_trait]
pub trait Audit: Send + Sync {
    /// The key of that name which is kept in the store; `fresh` from now on if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Begins a strand, with the number after that of the newest.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn start_strand(&self, at: Timestamp) -> Result<i32, StoreError>;

    /// Writes links that follow on `after`, all or none, committed when it returns. `false`: the
    /// strand does not end there, and nothing was written.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn append_audit(&self, after: &End, links: &[Link]) -> Result<bool, StoreError>;

    /// All strands, in order of their number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn strands(&self) -> Result<Vec<Strand>, StoreError>;

    /// Up to `limit` links of a strand with numbers above `after`, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn links(&self, strand: i32, after: i64, limit: u32) -> Result<Vec<Link>, StoreError>;

    /// Up to `limit` links, the newest first, older than `before` if one is given.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_links(
        &self,
        query: &AuditQuery,
        before: Option<&End>,
        limit: u32,
    ) -> Result<Vec<Link>, StoreError>;

    /// Erases up to `limit` links that were written before `before`, the oldest first; answers how
    /// many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn erase_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
