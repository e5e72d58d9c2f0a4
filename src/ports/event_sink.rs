//! Where events go besides the feed: the broker.

use async_trait::async_trait;

use crate::domain::event::Event;
use crate::domain::ids::AgencyId;
/// Takes numbered events over.
#[async_trait]
pub trait EventSink: Send + Sync + std::fmt::Debug {
    /// Publishes one agency's events in order, with mandatory and confirms, and waits for the
    /// confirms (bounded). Returns how many of the *first* events are confirmed and routed: the
    /// caller publishes the rest again later, so an event may come twice but is never skipped.
    async fn publish(&self, agency: &AgencyId, events: &[Event]) -> usize;

    /// Connected and not blocked by the broker.
    fn is_ready(&self) -> bool;
}
