//! Events on their way to the agencies, and the feed.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::event::Event;
use crate::domain::ids::{AgencyNo, WorkerId};

/// What one agency has not got yet, in order, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished {
    /// Whose.
    pub agency: AgencyNo,
    /// From the first that is not published.
    pub events: Vec<Event>,
}

/// The outbox and the feed: one stream per agency, numbered gap-free and rising by one by whoever
/// writes the events, in the order in which they become visible.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Takes or renews a lease on being the only one who does `role`, for `ttl` by the store's
    /// clock. `false`: somebody else's lease is alive.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lease(&self, role: &str, worker: WorkerId, ttl: Duration) -> Result<bool, StoreError>;

    /// Gives a lease up.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release(&self, role: &str, worker: WorkerId) -> Result<(), StoreError>;

    /// Notes that everything up to and including these sequences is `published`, which never moves
    /// backwards nor beyond what there is, and answers what is not, at most `limit` events per agency and
    /// none of those that are `resting`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unpublished(
        &self,
        published: &[(AgencyNo, i64)],
        resting: &[AgencyNo],
        limit: u32,
    ) -> Result<Vec<Unpublished>, StoreError>;

    /// An agency's events after a sequence number, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn feed(
        &self,
        agency: AgencyNo,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;
}
