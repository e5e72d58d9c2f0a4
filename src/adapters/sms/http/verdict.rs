//! What a status code means before anybody looks at the body (contract section 7).

use std::time::Duration;

use super::answer::Answer;
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;

/// The lists of status codes that an operator can change; each code in one list at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLists {
    /// About the account: pauses the gateway.
    pub account: Vec<u16>,
    /// Not taken; later.
    pub later: Vec<u16>,
    /// Taken or not, nobody knows.
    pub unknown: Vec<u16>,
    /// Refuses this message for good, beside every 4xx that is in no list.
    pub refused: Vec<u16>,
}

impl Default for StatusLists {
    fn default() -> Self {
        Self {
            account: vec![401, 403],
            later: vec![408, 425, 429, 500, 503],
            unknown: vec![502, 504],
            refused: Vec::new(),
        }
    }
}

impl StatusLists {
    /// The first code that stands in two lists or is none, if any.
    pub(in crate::adapters::sms) fn misplaced(&self) -> Option<u16> {
        let mut seen = Vec::new();
        for list in [&self.account, &self.later, &self.unknown, &self.refused] {
            for code in list {
                if seen.contains(code) || !(200..=599).contains(code) {
                    return Some(*code);
                }
                seen.push(*code);
            }
        }
        None
    }
}

/// What the status alone says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::adapters::sms) enum Verdict {
    /// 2xx: the body decides.
    Success,
    /// Decided.
    Decided(Outcome),
}

/// Reads the status.
///
/// 429 is about the rate and 503 with `Retry-After` about the host: both slow the whole gateway
/// instead of one message. 301, 307 and 308 say that nothing is done at this address: the
/// configuration is wrong, not the message. Whatever is in no list and no 2xx or 4xx is unknown.
pub(in crate::adapters::sms) fn verdict(answer: &Answer, lists: &StatusLists) -> Verdict {
    let code = answer.status;
    let retry_after = answer.retry_after;
    Verdict::Decided(if lists.unknown.contains(&code) {
        Outcome::Unknown
    } else if lists.account.contains(&code) {
        channel(retry_after)
    } else if lists.later.contains(&code) {
        if code == 429 || (code == 503 && retry_after.is_some()) {
            channel(retry_after)
        } else {
            Outcome::NotSent(Fault::Transient { retry_after })
        }
    } else if lists.refused.contains(&code) {
        refused()
    } else if (200..300).contains(&code) {
        return Verdict::Success;
    } else if (400..500).contains(&code) {
        refused()
    } else if matches!(code, 301 | 307 | 308) {
        channel(None)
    } else {
        Outcome::Unknown
    })
}

/// Not about this message.
pub(in crate::adapters::sms) const fn channel(retry_after: Option<Duration>) -> Outcome {
    Outcome::NotSent(Fault::Channel { retry_after })
}

/// This message, never.
pub(in crate::adapters::sms) const fn refused() -> Outcome {
    Outcome::NotSent(Fault::Permanent {
        reason: Reason::RefusedByGateway,
    })
}
