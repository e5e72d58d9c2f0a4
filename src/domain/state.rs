//! The state of a delivery as the store keeps it.
//!
//! The codes rise with goodness: of two deliveries of one notification (`channel: both`, or a
//! fallback) the one with the larger code counts in totals, so `max(state)` is the whole rule.

use super::kinds::kinds;
use super::status::Status;

kinds! {
    /// Where a delivery stands. Stored; never renumbered.
    State {
        /// Settled: the agency cancelled it before anything left.
        Cancelled = 0, "cancelled";
        /// Settled: a rule says no.
        NotSent = 1, "not_sent";
        /// Settled: refused for good, or tries used up.
        Failed = 2, "failed";
        /// Settled: it may or may not have arrived.
        Uncertain = 3, "uncertain";
        /// Stored and never claimed.
        Fresh = 4, "fresh";
        /// Waits until `due`: for its time, window, rate or retry.
        Waiting = 5, "waiting";
        /// A live worker's claim holds it; a try may be open.
        Claimed = 6, "claimed";
        /// A try's outcome is unknown; waits until `due` for a receipt (reconcile).
        Unknown = 7, "unknown";
        /// Settled: the gateway or relay took it over.
        Sent = 8, "sent";
        /// Settled: a receipt says that it arrived.
        Delivered = 9, "delivered";
    }
}

impl State {
    /// What the agency sees; `open_try`: an intent without an outcome is written.
    pub const fn status(self, open_try: bool) -> Status {
        match self {
            Self::Cancelled => Status::Cancelled,
            Self::NotSent => Status::NotSent,
            Self::Failed => Status::Failed,
            Self::Uncertain => Status::Uncertain,
            Self::Fresh => Status::Accepted,
            Self::Waiting => Status::Waiting,
            Self::Claimed if open_try => Status::Sending,
            Self::Claimed => Status::Waiting,
            Self::Unknown => Status::Sending,
            Self::Sent => Status::Sent,
            Self::Delivered => Status::Delivered,
        }
    }

    /// The state of a settled status; none for the others.
    pub const fn of_settled(status: Status) -> Option<Self> {
        match status {
            Status::Cancelled => Some(Self::Cancelled),
            Status::NotSent => Some(Self::NotSent),
            Status::Failed => Some(Self::Failed),
            Status::Uncertain => Some(Self::Uncertain),
            Status::Sent => Some(Self::Sent),
            Status::Delivered => Some(Self::Delivered),
            Status::Accepted | Status::Waiting | Status::Sending => None,
        }
    }

    /// Nothing more is done by itself.
    pub const fn is_settled(self) -> bool {
        self.status(false).is_settled()
    }
}
