//! Settlements: what became of a delivery, its try and its event.

use std::sync::Arc;

use crate::domain::event::{NewEvent, NotificationFact};
use crate::domain::ids::{AgencyNo, ClaimId, DeliveryId, JobName, Position, Reference};
use crate::domain::kinds::Class;
use crate::domain::state::State;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;

/// How a try ended, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryOutcome {
    /// Code 1.
    Accepted,
    /// Code 2: certain that nothing was taken over; the slot is free again.
    NotSent,
    /// Code 3.
    Unknown,
}

impl TryOutcome {
    /// What the column holds.
    pub const fn code(self) -> i16 {
        match self {
            Self::Accepted => 1,
            Self::NotSent => 2,
            Self::Unknown => 3,
        }
    }

    /// From what the column holds.
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            1 => Some(Self::Accepted),
            2 => Some(Self::NotSent),
            3 => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }
}

/// The result of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryResult {
    /// Its slot.
    pub slot: u8,
    /// Its number.
    pub attempt: u32,
    /// How it ended.
    pub outcome: TryOutcome,
    /// The gateway's own id.
    pub provider_reference: Option<String>,
}

/// What fences a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The claim holds it: `state = claimed and claim = …`.
    Claim(ClaimId),
    /// Nobody holds it and it is as it was read: `state = … and version = … and due = …`.
    Unclaimed {
        /// The state read.
        state: State,
        /// The version read.
        version: i32,
        /// The due time read.
        due: Timestamp,
    },
}

/// What an event says besides the delivery's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Whose.
    pub agency: AgencyNo,
    /// The job.
    pub job: Arc<JobName>,
    /// The recipient.
    pub reference: Arc<Reference>,
    /// The job's class.
    pub class: Class,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is settled; the event follows, with `version` one higher.
    Settled {
        /// One of the settled statuses.
        status: Status,
        /// Why.
        reason: Option<Reason>,
        /// Whether the event names the channel (false: none was chosen).
        channel_chosen: bool,
        /// A second try was put on the wire after an unknown one.
        possible_duplicate: bool,
        /// Who covered it.
        covered_by: Option<(Position, Arc<Reference>)>,
    },
    /// It waits, then goes on in `slot`.
    Wait {
        /// Until; but only until the settlement's `at` if its job was cancelled meanwhile, or its
        /// letter opened (occasions above 0): what withholds it is then settled at once.
        due: Timestamp,
        /// In which slot.
        slot: u8,
        /// Whether the try, if there was one, is used up.
        tries: u32,
    },
    /// Its try is unknown; it waits for a receipt.
    AwaitReceipt {
        /// Until.
        until: Timestamp,
    },
    /// It failed for good; the delivery `delivery.on(other channel)` begins, fixed, in slot 0. No
    /// event.
    Fallback {
        /// Why it failed.
        reason: Reason,
        /// When the other begins.
        due: Timestamp,
    },
}

/// One settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery, by the id that its row has.
    pub delivery: DeliveryId,
    /// What fences it.
    pub guard: Guard,
    /// The try that ended, if one did.
    pub tried: Option<TryResult>,
    /// What becomes of the delivery.
    pub next: Next,
    /// For the event.
    pub label: Label,
    /// When.
    pub at: Timestamp,
}

impl Settlement {
    /// Something was, or may have been, taken over a second time by this: the row is marked as a
    /// possible duplicate, for good. A second try that was certainly not sent marks nothing.
    pub fn is_second(&self) -> bool {
        let twice = self
            .tried
            .as_ref()
            .is_some_and(|tried| tried.slot == 1 && tried.outcome != TryOutcome::NotSent);
        twice
            || matches!(
                self.next,
                Next::Settled {
                    possible_duplicate: true,
                    ..
                }
            )
    }

    /// The event of a settled status; `version` and `possible_duplicate` are what the delivery's
    /// row says after it. `None` while nothing is settled.
    pub fn event(&self, version: i32, possible_duplicate: bool) -> Option<NewEvent> {
        match &self.next {
            Next::Settled {
                status,
                reason,
                channel_chosen,
                covered_by,
                ..
            } => NotificationFact {
                job: (*self.label.job).clone(),
                reference: (*self.label.reference).clone(),
                class: self.label.class,
                occasion: self.delivery.occasion(),
                channel: channel_chosen.then(|| self.delivery.channel()),
                status: *status,
                reason: *reason,
                at: self.at,
                version,
                possible_duplicate,
                covered_by: covered_by
                    .as_ref()
                    .map(|(_, reference)| (**reference).clone()),
            }
            .to_event(self.label.agency),
            Next::Wait { .. } | Next::AwaitReceipt { .. } | Next::Fallback { .. } => None,
        }
    }
}

/// What settling did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettleReport {
    /// Indexes of settlements whose guard did not hold: nothing of them was written.
    pub fenced: Vec<usize>,
    /// How many events were written.
    pub events: usize,
}
