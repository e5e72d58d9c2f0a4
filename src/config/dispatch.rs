//! `[dispatch]`: how a worker claims, holds and sends.

use std::time::Duration;

use super::reader::section;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

section! {
    /// The loops of a worker.
    Dispatch {
        /// Deliveries stored in one transaction at intake.
        intake_batch: u32 [1, 10_000],
        /// Deliveries claimed at once, of one agency.
        claim_batch: u32 [1, 10_000],
        /// Deliveries held ready per gateway and lane.
        ready_set: u32 [1, 100_000],
        /// Intents committed in one transaction.
        intent_batch: u32 [1, 10_000],
        /// Events numbered and published at once.
        publish_batch: u32 [1, 10_000],
        /// Shortest pause between two looks into the store.
        poll_min: Duration [MILLISECOND, MINUTE],
        /// Longest pause between two looks into the store.
        poll_max: Duration [MILLISECOND, Duration::from_secs(600)],
        /// Deadline around one SMS on the wire.
        sms_deadline: Duration [SECOND, Duration::from_secs(600)],
        /// Deadline around one e-mail on the wire.
        email_deadline: Duration [SECOND, Duration::from_secs(3_600)],
        /// How far ahead rate slots are reserved, lanes normal and bulk.
        slots_ahead: Duration [MILLISECOND, Duration::from_secs(5)],
        /// The same for lane urgent.
        slots_ahead_urgent: Duration [MILLISECOND, Duration::from_secs(5)],
        /// A slot reached later than this is given up.
        slot_late: Duration [MILLISECOND, SECOND],
        /// The share of every gateway's slots that lane bulk keeps.
        bulk_share: f64 [0.0, 1.0],
        /// Waiting so long raises a delivery by one lane.
        raise_lane_after: Duration [MINUTE, Duration::from_secs(30 * 86_400)],
        /// SMS parts that an agency of weight 1 gets in one round.
        quantum: u32 [1, 10_000],
        /// How long a worker that was asked to stop waits for what is on the wire.
        drain: Duration [Duration::ZERO, Duration::from_secs(3_600)],
    }
}
