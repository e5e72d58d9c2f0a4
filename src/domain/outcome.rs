//! How one try on the wire ended: the third answer.
//!
//! Decided in an adapter's `classify.rs`, where the stage of the dialogue is known; the ledger
//! stores it and [`super::retry`] obeys it. [`Outcome::Unknown`] is outside
//! [`Outcome::NotSent`], so it cannot be taken for a fault.

use std::time::Duration;

use super::status::Reason;

/// How one try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A complete positive answer: the gateway or relay took the message over.
    Accepted {
        /// The gateway's own id of the message, if it gave one.
        provider_reference: Option<String>,
    },
    /// Certain: nothing was taken over.
    NotSent(Fault),
    /// The last byte may have left and no complete answer came: never blindly again.
    Unknown,
}

/// Why nothing was taken over, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// About this message, and later it may go.
    Transient {
        /// What the other side asked for.
        retry_after: Option<Duration>,
    },
    /// About this message, and it will never go.
    Permanent {
        /// The contract's reason.
        reason: Reason,
    },
    /// Not about this message: account, sender, host, rate. Pauses the gateway, costs no try.
    Channel {
        /// What the other side asked for.
        retry_after: Option<Duration>,
    },
    /// Not about anybody: the slot of the rate was over before the last byte could leave. Costs no
    /// try, and goes on at once.
    Late,
}

impl Outcome {
    /// A word for metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::NotSent(Fault::Transient { .. }) => "transient",
            Self::NotSent(Fault::Permanent { .. }) => "permanent",
            Self::NotSent(Fault::Channel { .. }) => "channel",
            Self::NotSent(Fault::Late) => "late",
            Self::Unknown => "unknown",
        }
    }
}
