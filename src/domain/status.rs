//! What became of a delivery: the contract's statuses and its closed list of reasons.

use super::kinds::kinds;

kinds! {
    /// The status of a delivery as an agency sees it. What the store keeps is
    /// [`super::state::State`].
    Status {
        /// Stored, never claimed yet.
        Accepted = 0, "accepted";
        /// For its time, window, rate or retry.
        Waiting = 1, "waiting";
        /// A try's intent is written.
        Sending = 2, "sending";
        /// The gateway or relay took it over.
        Sent = 3, "sent";
        /// A receipt says so.
        Delivered = 4, "delivered";
        /// Refused for good, or tries used up.
        Failed = 5, "failed";
        /// A rule says no.
        NotSent = 6, "not_sent";
        /// It may or may not have arrived.
        Uncertain = 7, "uncertain";
        /// Before anything left.
        Cancelled = 8, "cancelled";
    }
}

impl Status {
    /// Nothing more is done by itself.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Accepted | Self::Waiting | Self::Sending => false,
            Self::Sent
            | Self::Delivered
            | Self::Failed
            | Self::NotSent
            | Self::Uncertain
            | Self::Cancelled => true,
        }
    }
}

kinds! {
    /// Why; the contract's closed list, in its order: where several hold, the first counts.
    Reason {
        /// No valid broker identity.
        Unauthenticated = 1, "unauthenticated";
        /// The job's id was used for other content.
        Conflict = 2, "conflict";
        /// Not a valid job.
        Invalid = 3, "invalid";
        /// The agency cancelled it.
        Cancelled = 4, "cancelled";
        /// The letter was opened.
        Opened = 5, "opened";
        /// Too late to be useful.
        Expired = 6, "expired";
        /// IKKE_REGISTRERT.
        NotRegistered = 7, "not_registered";
        /// SLETTET.
        Deleted = 8, "deleted";
        /// Reserved against digital letters.
        Reserved = 9, "reserved";
        /// On the agency's own opt-out list.
        OptedOut = 10, "opted_out";
        /// No address on any channel allowed.
        NoAddress = 11, "no_address";
        /// Neither updated nor verified in 18 months; letters only.
        StaleAddress = 12, "stale_address";
        /// KAN_IKKE_VARSLES with no other cause; letters only.
        NotNotifiable = 13, "not_notifiable";
        /// An address that no gateway could use.
        InvalidAddress = 14, "invalid_address";
        /// Another recipient of the job with the same address and text got it.
        Covered = 15, "covered";
        /// The gateway or relay said no for good.
        RefusedByGateway = 16, "refused_by_gateway";
        /// The subscriber or network bars it.
        Barred = 17, "barred";
        /// The phone or mailbox could not be reached.
        Unreachable = 18, "unreachable";
        /// A bounce came back.
        Bounced = 19, "bounced";
        /// No gateway could take it before the deadline.
        GatewayUnavailable = 20, "gateway_unavailable";
        /// No answer to a try, and none came later.
        NoAnswer = 21, "no_answer";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_reasons_rise_in_the_contracts_order() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(usize::try_from(reason.code()), Ok(index + 1));
            assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
        }
    }
}
