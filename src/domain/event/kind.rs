//! The types of events, and which of them an agency wants.

use crate::domain::kinds::kinds;
use crate::domain::status::Status;

kinds! {
    /// The type of an event, without the prefix `no.budstikke.`; also the tail of its routing key.
    EventKind {
        /// A job was stored, or repeated.
        JobAccepted = 0, "job.accepted";
        /// A job was refused.
        JobRejected = 1, "job.rejected";
        /// Every notification of every occasion is settled.
        JobFinished = 2, "job.finished";
        /// A job was cancelled.
        JobCancelled = 3, "job.cancelled";
        /// Taken over.
        NotificationSent = 4, "notification.sent";
        /// A receipt says so.
        NotificationDelivered = 5, "notification.delivered";
        /// Refused for good.
        NotificationFailed = 6, "notification.failed";
        /// A rule says no.
        NotificationNotSent = 7, "notification.not_sent";
        /// Nobody can know.
        NotificationUncertain = 8, "notification.uncertain";
        /// Cancelled before anything left.
        NotificationCancelled = 9, "notification.cancelled";
    }
}

impl EventKind {
    /// The event of a settled status; none for the others.
    pub const fn of_status(status: Status) -> Option<Self> {
        match status {
            Status::Sent => Some(Self::NotificationSent),
            Status::Delivered => Some(Self::NotificationDelivered),
            Status::Failed => Some(Self::NotificationFailed),
            Status::NotSent => Some(Self::NotificationNotSent),
            Status::Uncertain => Some(Self::NotificationUncertain),
            Status::Cancelled => Some(Self::NotificationCancelled),
            Status::Accepted | Status::Waiting | Status::Sending => None,
        }
    }
}

/// Which kinds of events an agency wants, one bit per code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFilter(pub i32);

impl EventFilter {
    /// Everything.
    pub const ALL: Self = Self(0x3ff);

    /// Reads patterns such as `*`, `notification.*` and `job.finished`; `Err` holds the first that
    /// matches no kind.
    ///
    /// # Errors
    /// The pattern that names no event.
    pub fn parse(patterns: &[String]) -> Result<Self, String> {
        let mut bits = 0;
        for pattern in patterns {
            let matching = EventKind::ALL
                .iter()
                .filter(|kind| match pattern.strip_suffix('*') {
                    Some(head) => kind.as_str().starts_with(head),
                    None => kind.as_str() == pattern,
                });
            let found = matching.fold(0, |bits, kind| bits | (1 << kind.code()));
            if found == 0 {
                return Err(pattern.clone());
            }
            bits |= found;
        }
        Ok(Self(bits))
    }

    /// Whether the agency wants it.
    pub const fn wants(self, kind: EventKind) -> bool {
        self.0 & (1 << kind.code()) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_filter_reads_patterns() {
        let wants = |patterns: &[&str], kind| {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            EventFilter::parse(&patterns).map(|filter| filter.wants(kind))
        };
        assert_eq!(wants(&["*"], EventKind::JobFinished), Ok(true));
        assert_eq!(
            wants(&["notification.*"], EventKind::JobFinished),
            Ok(false)
        );
        assert_eq!(
            wants(&["notification.*"], EventKind::NotificationSent),
            Ok(true)
        );
        assert_eq!(wants(&["job.finished"], EventKind::JobFinished), Ok(true));
        assert_eq!(
            wants(&["letters.*"], EventKind::JobFinished),
            Err("letters.*".to_owned())
        );
        assert_eq!(
            EventKind::ALL.iter().fold(0, |b, k| b | 1 << k.code()),
            EventFilter::ALL.0
        );
    }
}
