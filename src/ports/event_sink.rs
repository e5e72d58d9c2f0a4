//! Where events go besides the feed: the broker.

use async_trait::async_trait;

use crate::domain::event::Event;
use crate::domain::ids::AgencyId;

/// Events of one agency, in order, to be published now.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Whose they are.
    pub agency: &'a AgencyId,
    /// Numbered without a gap.
    pub events: &'a [Event],
}

/// Takes numbered events over.
#[async_trait]
pub trait EventSink: Send + Sync + std::fmt::Debug {
    /// Publishes the windows of different agencies together, each in order, with mandatory and
    /// confirms, and waits for the confirms (bounded). Returns for each window how many of its
    /// *first* events are confirmed and routed: the caller publishes the rest again later, so an
    /// event may come twice but is never skipped. What becomes of one agency's events says nothing
    /// about another's.
    async fn publish(&self, windows: &[Window<'_>]) -> Vec<usize>;

    /// Connected and not blocked by the broker.
    fn is_ready(&self) -> bool;
}
