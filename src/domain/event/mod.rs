//! What an agency is told: the contract's section 4, built in one place.
//!
//! `sequence` is given at publishing, so an event in the making has none.

use serde_json::{Map, Value, json};

use super::ids::{AgencyId, AgencyNo, JobName, Occasion, Reference};
use super::kinds::{Channel, Class, kinds};
use super::status::{Reason, Status};
use super::time::Timestamp;

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

    /// The CloudEvents 1.0 envelope in structured JSON, as AMQP, feed and webhook carry it.
    pub fn to_cloudevent(&self, agency: &AgencyId) -> String {
        let mut envelope = Map::new();
        envelope.insert("specversion".into(), json!("1.0"));
        envelope.insert("id".into(), json!(self.id(agency)));
        envelope.insert("source".into(), json!(format!("/budstikke/{agency}")));
        envelope.insert("type".into(), json!(format!("no.budstikke.{}", self.kind)));
        if let Some(subject) = &self.subject {
            envelope.insert("subject".into(), json!(subject));
        }
        envelope.insert("time".into(), json!(self.at.to_string()));
        envelope.insert("datacontenttype".into(), json!("application/json"));
        envelope.insert("sequence".into(), json!(self.sequence.to_string()));
        let mut text = Value::Object(envelope).to_string();
        text.truncate(text.len() - 1);
        text.push_str(",\"data\":");
        text.push_str(&self.data);
        text.push('}');
        text
    }

    /// The routing key on `budstikke.events`: `<agency>.<type without prefix>`.
    pub fn routing_key(&self, agency: &AgencyId) -> String {
        format!("{agency}.{}", self.kind)
    }
}

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
    pub fn to_json(&self) -> Value {
        let mut data = Map::new();
        data.insert("job".into(), json!(self.job));
        data.insert("ref".into(), json!(self.reference));
        data.insert("occasion".into(), json!(self.occasion));
        if let Some(channel) = self.channel {
            data.insert("channel".into(), json!(channel));
        }
        data.insert("status".into(), json!(self.status));
        if let Some(reason) = self.reason {
            data.insert("reason".into(), json!(reason));
        }
        data.insert("at".into(), json!(self.at.to_string()));
        data.insert("version".into(), json!(self.version));
        data.insert("possible_duplicate".into(), json!(self.possible_duplicate));
        data.insert("paper".into(), json!(self.paper()));
        if let Some(covered_by) = &self.covered_by {
            data.insert("covered_by".into(), json!(covered_by));
        }
        Value::Object(data)
    }

    /// The event, if the status is a settled one.
    pub fn to_event(&self, agency: AgencyNo) -> Option<NewEvent> {
        Some(NewEvent {
            agency,
            kind: EventKind::of_status(self.status)?,
            subject: Some(self.job.clone()),
            at: self.at,
            data: self.to_json().to_string(),
        })
    }
}

/// How many notifications have each status; statuses that none has are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(pub std::collections::BTreeMap<Status, u64>);

impl Totals {
    /// `{status: number}`.
    pub fn to_json(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|(status, n)| (status.as_str().to_owned(), json!(n)))
                .collect(),
        )
    }

    /// All notifications counted.
    pub fn sum(&self) -> u64 {
        self.0.values().sum()
    }
}

/// `job.accepted`.
pub fn job_accepted(
    agency: AgencyNo,
    job: &JobName,
    at: Timestamp,
    recipients: u64,
    repeated: bool,
    totals: &Totals,
) -> NewEvent {
    NewEvent {
        agency,
        kind: EventKind::JobAccepted,
        subject: Some(job.clone()),
        at,
        data: json!({"job": job, "recipients": recipients, "repeated": repeated, "totals": totals.to_json()})
            .to_string(),
    }
}

/// One thing that is wrong with a job, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the place; empty for the whole body.
    pub pointer: String,
    /// What is wrong and what to do, without any personal value.
    pub problem: String,
}

/// `job.rejected`.
pub fn job_rejected(
    agency: AgencyNo,
    job: Option<&JobName>,
    at: Timestamp,
    reason: Reason,
    problems: &[Problem],
) -> NewEvent {
    let mut data = Map::new();
    if let Some(job) = job {
        data.insert("job".into(), json!(job));
    }
    data.insert("reason".into(), json!(reason));
    data.insert("problems".into(), json!(problems));
    NewEvent {
        agency,
        kind: EventKind::JobRejected,
        subject: job.cloned(),
        at,
        data: Value::Object(data).to_string(),
    }
}

/// `job.finished` and `job.cancelled`.
pub fn job_ended(
    kind: EventKind,
    agency: AgencyNo,
    job: &JobName,
    at: Timestamp,
    totals: &Totals,
) -> NewEvent {
    NewEvent {
        agency,
        kind,
        subject: Some(job.clone()),
        at,
        data: json!({"job": job, "totals": totals.to_json()}).to_string(),
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
