//! What a gateway says later about a message it took, and what that changes.
//!
//! Receipts come late, early, twice and in any order. [`merge`] therefore only ever climbs:
//! nothing → taken over → failed → delivered, and a repeat changes nothing.

use serde::{Deserialize, Serialize};

use super::ids::DeliveryId;
use super::status::{Reason, Status};
use super::time::Timestamp;

/// How a receipt names its message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReceiptKey {
    /// Our own reference, which went with the message: finds the delivery even when the answer to
    /// the try was lost.
    Delivery(DeliveryId),
    /// The gateway's own id from its answer.
    ProviderReference(String),
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiptStatus {
    /// The gateway has the message. Settles a try whose answer was lost.
    Accepted,
    /// It is on the phone.
    Delivered,
    /// It will not be delivered.
    Failed(Reason),
    /// The gateway gave up waiting for the phone.
    Expired,
}

/// One report of a gateway about one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which message.
    pub key: ReceiptKey,
    /// What became of it.
    pub status: ReceiptStatus,
    /// When, if the gateway says so.
    pub at: Option<Timestamp>,
    /// The gateway's own code, at most 64 characters of printable ASCII; for operators.
    pub code: Option<String>,
}

/// What a receipt makes of a delivery: the new status and reason, or `None` if nothing changes.
///
/// Ask only for a delivery that has at least one try which was accepted or is unknown. A delivery
/// whose every try was definitely refused has nothing on any phone, so a receipt for it is alien;
/// [`Status::Failed`] after a definite refusal therefore never gets here.
///
/// | now | accepted | delivered | failed, expired |
/// |---|---|---|---|
/// | waiting, sending, uncertain | sent | delivered | failed |
/// | sent | – | delivered | failed |
/// | failed | – | delivered: late truth wins | – |
/// | delivered | – | – | – (a bounce: failed) |
/// | accepted, not sent, cancelled | – | – | – |
///
/// `expired` is the reason [`Reason::Unreachable`]: the phone was off for as long as the gateway
/// was willing to try, while [`Reason::Expired`] says that *we* were too late.
/// [`Reason::Bounced`] alone, an e-mail that came back, takes a `delivered` away again.
pub const fn merge(current: Status, receipt: ReceiptStatus) -> Option<(Status, Option<Reason>)> {
    let failed = match receipt {
        ReceiptStatus::Failed(reason) => Some(reason),
        ReceiptStatus::Expired => Some(Reason::Unreachable),
        ReceiptStatus::Accepted | ReceiptStatus::Delivered => None,
    };
    match (current, receipt) {
        (
            Status::Waiting | Status::Sending | Status::Uncertain | Status::Sent | Status::Failed,
            ReceiptStatus::Delivered,
        ) => Some((Status::Delivered, None)),
        (Status::Waiting | Status::Sending | Status::Uncertain, ReceiptStatus::Accepted) => {
            Some((Status::Sent, None))
        }
        (
            Status::Waiting | Status::Sending | Status::Uncertain | Status::Sent,
            ReceiptStatus::Failed(_) | ReceiptStatus::Expired,
        ) => Some((Status::Failed, failed)),
        (Status::Delivered, ReceiptStatus::Failed(Reason::Bounced)) => {
            Some((Status::Failed, failed))
        }
        (Status::Sent | Status::Failed | Status::Delivered, ReceiptStatus::Accepted)
        | (
            Status::Delivered,
            ReceiptStatus::Delivered | ReceiptStatus::Failed(_) | ReceiptStatus::Expired,
        )
        | (Status::Failed, ReceiptStatus::Failed(_) | ReceiptStatus::Expired)
        | (
            Status::Accepted | Status::NotSent | Status::Cancelled,
            ReceiptStatus::Accepted
            | ReceiptStatus::Delivered
            | ReceiptStatus::Failed(_)
            | ReceiptStatus::Expired,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILED: ReceiptStatus = ReceiptStatus::Failed(Reason::Unreachable);

    fn fold(start: Status, receipts: &[ReceiptStatus]) -> Status {
        receipts.iter().fold(start, |status, receipt| {
            merge(status, *receipt).map_or(status, |(status, _)| status)
        })
    }

    #[test]
    fn the_table_is_the_table() {
        use ReceiptStatus::{Accepted, Delivered, Expired};
        for (current, receipt, expected) in [
            (Status::Sent, Delivered, Some(Status::Delivered)),
            (Status::Sent, FAILED, Some(Status::Failed)),
            (Status::Sent, Expired, Some(Status::Failed)),
            (Status::Sent, Accepted, None),
            (Status::Uncertain, Delivered, Some(Status::Delivered)),
            (Status::Uncertain, FAILED, Some(Status::Failed)),
            (Status::Uncertain, Accepted, Some(Status::Sent)),
            (Status::Waiting, Delivered, Some(Status::Delivered)),
            (Status::Sending, FAILED, Some(Status::Failed)),
            (Status::Sending, Accepted, Some(Status::Sent)),
            (Status::Failed, Delivered, Some(Status::Delivered)),
            (Status::Failed, FAILED, None),
            (Status::Failed, Accepted, None),
            (Status::Delivered, FAILED, None),
            (Status::Delivered, Expired, None),
            (Status::Delivered, Delivered, None),
        ] {
            let got = merge(current, receipt).map(|(status, _)| status);
            assert_eq!(got, expected, "{current} and {receipt:?}");
        }
    }

    #[test]
    fn what_never_left_is_not_changed_by_any_receipt() {
        for current in [Status::Accepted, Status::NotSent, Status::Cancelled] {
            for receipt in [
                ReceiptStatus::Accepted,
                ReceiptStatus::Delivered,
                FAILED,
                ReceiptStatus::Expired,
            ] {
                assert_eq!(merge(current, receipt), None, "{current} and {receipt:?}");
            }
        }
    }

    #[test]
    fn a_phone_that_stayed_off_is_unreachable() {
        assert_eq!(
            merge(Status::Sent, ReceiptStatus::Expired),
            Some((Status::Failed, Some(Reason::Unreachable)))
        );
    }

    #[test]
    fn only_a_bounce_takes_delivered_away() {
        assert_eq!(
            merge(Status::Delivered, ReceiptStatus::Failed(Reason::Bounced)),
            Some((Status::Failed, Some(Reason::Bounced)))
        );
    }

    fn any_receipt() -> impl Strategy<Value = ReceiptStatus> {
        prop_oneof![
            Just(ReceiptStatus::Accepted),
            Just(ReceiptStatus::Delivered),
            Just(FAILED),
            Just(ReceiptStatus::Failed(Reason::RefusedByGateway)),
            Just(ReceiptStatus::Expired),
        ]
    }

    fn once_on_the_wire() -> impl Strategy<Value = Status> {
        prop_oneof![
            Just(Status::Waiting),
            Just(Status::Sending),
            Just(Status::Sent),
            Just(Status::Uncertain),
            Just(Status::Failed),
        ]
    }

    proptest! {
        #[test]
        fn any_order_and_any_repeats_with_a_delivered_end_as_delivered(
            start in once_on_the_wire(),
            (mut receipts, place) in (prop::collection::vec(any_receipt(), 0..12), 0usize..12),
        ) {
            receipts.insert(place.min(receipts.len()), ReceiptStatus::Delivered);
            prop_assert_eq!(fold(start, &receipts), Status::Delivered);
        }

        #[test]
        fn the_final_status_does_not_depend_on_order_or_repeats(
            start in once_on_the_wire(),
            receipts in prop::collection::vec(any_receipt(), 1..8),
            rotation in 0usize..8,
        ) {
            let mut other: Vec<_> = receipts.iter().rev().copied().collect();
            let middle = rotation % other.len();
            other.rotate_left(middle);
            other.extend_from_slice(&receipts);
            prop_assert_eq!(fold(start, &receipts), fold(start, &other));
        }
    }
}
