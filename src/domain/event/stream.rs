//! Events, and their places in their agencies' streams.

use std::collections::BTreeMap;

use super::EventKind;
use crate::domain::ids::{AgencyId, AgencyNo, JobName};
use crate::domain::time::Timestamp;

/// An event that has no sequence number yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Whom it is for.
    pub agency: AgencyNo,
    /// Its type.
    pub kind: EventKind,
    /// The job, if it could be read.
    pub subject: Option<JobName>,
    /// `time` of the envelope.
    pub at: Timestamp,
    /// `data` of the envelope, as JSON text.
    pub data: String,
}

/// How the events of one transaction are numbered: each agency's stream goes on by a count, and each
/// event stands so many places before its new end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbering {
    /// By how many events each agency's stream grows, in the order of the agencies.
    pub grows: BTreeMap<AgencyNo, i64>,
    /// Of each event, how many of its agency come after it.
    pub after: Vec<i64>,
}

impl Numbering {
    /// Of events of these agencies, in this order.
    pub fn of(agencies: impl DoubleEndedIterator<Item = AgencyNo>) -> Self {
        let mut numbering = Self::default();
        for agency in agencies.rev() {
            let count = numbering.grows.entry(agency).or_default();
            numbering.after.push(*count);
            *count += 1;
        }
        numbering.after.reverse();
        numbering
    }
}

/// An event with its place in the agency's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whom it is for.
    pub agency: AgencyNo,
    /// From 1, gap-free and rising by one per agency.
    pub sequence: i64,
    /// Its type.
    pub kind: EventKind,
    /// The job, if it could be read.
    pub subject: Option<JobName>,
    /// `time` of the envelope.
    pub at: Timestamp,
    /// `data` of the envelope, as JSON text.
    pub data: String,
}

impl Event {
    /// The `id` of the envelope, unique among all events.
    pub fn id(&self, agency: &AgencyId) -> String {
        format!("{agency}-{}", self.sequence)
    }

    /// The routing key on `budstikke.events`: `<agency>.<type without prefix>`.
    pub fn routing_key(&self, agency: &AgencyId) -> String {
        format!("{agency}.{}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agencys_events_are_numbered_in_their_order() {
        let of = |agencies: &[i32]| Numbering::of(agencies.iter().copied().map(AgencyNo));
        let numbering = of(&[7, 3, 7, 7, 3]);
        let grows: Vec<_> = numbering.grows.into_iter().collect();
        assert_eq!(grows, [(AgencyNo(3), 2), (AgencyNo(7), 3)]);
        assert_eq!(numbering.after, [2, 1, 1, 0, 0]);
        assert_eq!(of(&[]), Numbering::default());
    }
}
