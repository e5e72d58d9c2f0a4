//! What became of one notification: `notification.*` events, and the list of a job's notifications.

use serde::{Serialize, Serializer};

use super::envelope::{Text, to_text};
use super::{EventKind, NewEvent};
use crate::domain::ids::{AgencyNo, JobName, Occasion, Reference};
use crate::domain::kinds::{Channel, Class};
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;

/// What a `notification.*` event and an item of the notifications list say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationFact {
    /// The job.
    pub job: JobName,
    /// The recipient.
    pub reference: Reference,
    /// The job's class: letters may need paper.
    pub class: Class,
    /// Which occasion.
    pub occasion: Occasion,
    /// The channel; `None` when none was chosen.
    pub channel: Option<Channel>,
    /// The status.
    pub status: Status,
    /// Why.
    pub reason: Option<Reason>,
    /// Since when.
    pub at: Timestamp,
    /// Rises by one per (ref, occasion, channel).
    pub version: i32,
    /// A second try was put on the wire after an unknown one.
    pub possible_duplicate: bool,
    /// Who got the message that covered this one.
    pub covered_by: Option<Reference>,
}

impl NotificationFact {
    /// A letter's first occasion which cannot be trusted to have reached the person must go on
    /// paper, unless the agency itself ended it.
    pub fn paper(&self) -> bool {
        self.class == Class::Letter
            && self.occasion == 0
            && matches!(
                self.status,
                Status::Failed | Status::NotSent | Status::Uncertain
            )
            && !matches!(self.reason, Some(Reason::Cancelled | Reason::Opened))
    }

    /// The `data` object of the contract.
    fn data(&self) -> Data<'_> {
        Data {
            job: &self.job,
            reference: &self.reference,
            occasion: self.occasion,
            channel: self.channel,
            status: self.status,
            reason: self.reason,
            at: Text(self.at),
            version: self.version,
            possible_duplicate: self.possible_duplicate,
            paper: self.paper(),
            covered_by: self.covered_by.as_ref(),
        }
    }

    /// The same as text.
    pub fn to_json(&self) -> String {
        to_text(self, 320)
    }

    /// The event, if the status is a settled one.
    pub fn to_event(&self, agency: AgencyNo) -> Option<NewEvent> {
        Some(NewEvent {
            agency,
            kind: EventKind::of_status(self.status)?,
            subject: Some(self.job.clone()),
            at: self.at,
            data: self.to_json(),
        })
    }
}

impl Serialize for NotificationFact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.data().serialize(serializer)
    }
}

/// The `data` of a `notification.*` event.
#[derive(Serialize)]
struct Data<'a> {
    job: &'a JobName,
    #[serde(rename = "ref")]
    reference: &'a Reference,
    occasion: Occasion,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    at: Text<Timestamp>,
    version: i32,
    possible_duplicate: bool,
    paper: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    covered_by: Option<&'a Reference>,
}
