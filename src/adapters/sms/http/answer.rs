//! What is known after a call.

use std::time::Duration;

use bytes::Bytes;

/// How one call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::adapters::sms) enum Exchange {
    /// Certain: the request's last byte did not leave and never will. Not connected, no TLS, or a
    /// connection that was closed before anything was written on it.
    NotStarted,
    /// Certain as well: the slot of the rate was over before the last byte could leave.
    Late,
    /// The request may have left, and no complete answer came.
    Broken,
    /// A complete answer came.
    Answered(Answer),
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::adapters::sms) struct Answer {
    /// The status code.
    pub(in crate::adapters::sms) status: u16,
    /// `Retry-After`, already counted from now.
    pub(in crate::adapters::sms) retry_after: Option<Duration>,
    /// What it says.
    pub(in crate::adapters::sms) body: AnswerBody,
}

/// The body of an answer. Never printed: a gateway may repeat number and text in it.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::adapters::sms) enum AnswerBody {
    /// All of it.
    Complete(Bytes),
    /// Longer than we read; the status alone counts.
    TooLong,
}

impl AnswerBody {
    /// What can be read of it.
    pub(in crate::adapters::sms) fn readable(&self) -> &[u8] {
        match self {
            Self::Complete(bytes) => bytes,
            Self::TooLong => &[],
        }
    }
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Complete(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::TooLong => f.write_str("too long"),
        }
    }
}
