//! `job.*` events.

use serde_json::{Map, Value, json};

use super::{EventKind, NewEvent};
use crate::domain::ids::{AgencyNo, JobName};
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;

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
