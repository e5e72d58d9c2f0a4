//! `[dispatch]`: how a worker claims, holds and sends.

use std::time::Duration;

use super::reader::section;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

section! {
    /// The loops of a worker.
    Dispatch {
        /// Deliveries of one agency, lane and channel held ready at most: by default twice as many
        /// as fit into a register call.
        hold_per_agency: u32 [1, 10_000],
        /// Deliveries held ready on one channel at most, per process.
        hold_per_channel: u32 [1, 100_000],
        /// A delivery held longer than this is handed back.
        hold_for: Duration [SECOND, Duration::from_secs(3_600)],
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
        slot_tolerance: Duration [MILLISECOND, SECOND],
        /// Waiting so long raises a delivery by one lane.
        raise_lane_after: Duration [MINUTE, Duration::from_secs(30 * 86_400)],
        /// How long a worker that was asked to stop waits for what is on the wire.
        drain: Duration [Duration::ZERO, Duration::from_secs(3_600)],
    }
}
