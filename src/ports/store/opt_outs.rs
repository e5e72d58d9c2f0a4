//! The agencies' own opt-out lists.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::AgencyNo;
use crate::domain::opt_out::{Classes, OptOutHash, OptOutKind};
use crate::domain::time::Timestamp;

/// What is to be put on a list, or taken off it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptOutEntry {
    /// What it is about.
    pub kind: OptOutKind,
    /// Whom.
    pub hash: OptOutHash,
    /// For which classes; none: it is taken off.
    pub classes: Classes,
}

/// An entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptOutRow {
    /// Whose list.
    pub agency: AgencyNo,
    /// What it says; without classes: it was taken off lately.
    pub entry: OptOutEntry,
    /// Since when.
    pub at: Timestamp,
    /// Rises with every change of any list.
    pub sequence: i64,
}

/// The lists. Every process holds them in memory and follows their changes.
#[async_trait]
pub trait OptOuts: Send + Sync {
    /// Puts entries on an agency's list, changes them, or takes them off; what is so already stays as
    /// it is. Answers how many were changed. What was taken off is still found among the changes for a
    /// day.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_opt_outs(
        &self,
        agency: AgencyNo,
        entries: &[OptOutEntry],
        at: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Up to `limit` changes of all lists after a sequence, in order. A change MUST NOT become visible
    /// after one with a higher sequence.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn opt_out_changes(&self, after: i64, limit: u32) -> Result<Vec<OptOutRow>, StoreError>;

    /// Up to `limit` entries that stand on an agency's list, in order of their hash, after one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn opt_outs(
        &self,
        agency: AgencyNo,
        after: Option<OptOutHash>,
        limit: u32,
    ) -> Result<Vec<OptOutRow>, StoreError>;
}
