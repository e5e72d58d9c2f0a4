//! Everything is checked here as the worker would, so that nothing is sent of a file that would be
//! refused half-way. Pure.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::draft::{Draft, Finding, Places};
use crate::domain::ids::JobName;
use crate::domain::job::parse::MAX_PROBLEMS;
use crate::domain::job::{ParseRules, parse};
use crate::domain::kinds::{Class, Lane};
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;

/// A job that can be sent.
#[derive(Clone, PartialEq)]
pub struct Ready {
    /// Its id.
    pub name: JobName,
    /// The lane it asks for.
    pub lane: Lane,
    /// How many recipients; 0 for a street.
    pub recipients: usize,
    /// The JSON.
    pub body: Bytes,
    /// Where its problems would be.
    pub places: Places,
}

/// Without the body: persons are in it.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ready({}, {} recipients)", self.name, self.recipients)
    }
}

/// Something that cannot be sent, by the index of its draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// One recipient, by its position in the file.
    Recipient {
        /// Of which draft.
        draft: usize,
        /// Its position in the file.
        origin: usize,
        /// Its place in the draft's list.
        index: usize,
    },
    /// A whole job.
    Job {
        /// Which draft.
        draft: usize,
    },
}

/// What came out.
#[derive(Debug, Default)]
pub struct Checked {
    /// What can be sent; without what is left out.
    pub ready: Vec<Ready>,
    /// What is left out.
    pub left_out: Vec<LeftOut>,
    /// Why, with the index of the draft.
    pub findings: Vec<(usize, Finding)>,
    /// Two jobs have the same id: which of them is meant, nobody can know.
    pub is_ambiguous: bool,
}

/// What the checks rest on.
#[derive(Debug, Clone, Copy)]
pub struct CheckRules {
    /// Whether the worker takes synthetic identity numbers; `None`: not known here, so the first
    /// number of the file decides, and the worker has the last word.
    pub allow_synthetic: Option<bool>,
    /// The present.
    pub now: Timestamp,
}

/// Checks all jobs.
pub fn check(drafts: &[Draft], rules: CheckRules) -> Checked {
    let allow_synthetic = rules
        .allow_synthetic
        .unwrap_or_else(|| first_is_synthetic(drafts));
    let mut checked = Checked::default();
    for (index, draft) in drafts.iter().enumerate() {
        check_one(index, draft, allow_synthetic, rules.now, &mut checked);
    }
    check_names(&mut checked);
    checked
}

fn check_one(
    index: usize,
    draft: &Draft,
    allow_synthetic: bool,
    now: Timestamp,
    checked: &mut Checked,
) {
    let rules = ParseRules {
        allow_synthetic,
        classes: Class::ALL,
        // Whose municipality it is, the worker knows.
        municipality: draft
            .document
            .pointer("/audience/street/municipality")
            .and_then(Value::as_str),
        lane_of_queue: None,
        now,
    };
    let mut document = draft.document.clone();
    let mut places = draft.places.clone();
    let mut indices: Vec<usize> = (0..places.origin.len()).collect();
    loop {
        let body = Bytes::from(document.to_string());
        let rejected = match parse(&body, &rules) {
            Ok(job) => {
                let recipients = job.recipients.len();
                checked.ready.push(Ready {
                    name: job.name,
                    lane: job.rules.lane,
                    recipients,
                    body,
                    places,
                });
                return;
            }
            Err(rejected) => rejected,
        };
        let findings: Vec<Finding> = rejected
            .problems
            .iter()
            .take(MAX_PROBLEMS)
            .map(|problem| places.find(problem))
            .collect();
        let bad: BTreeSet<usize> = findings
            .iter()
            .filter_map(|finding| finding.recipient)
            .collect();
        let is_whole = findings.iter().any(|finding| finding.recipient.is_none());
        checked
            .findings
            .extend(findings.into_iter().map(|finding| (index, finding)));
        if is_whole || bad.is_empty() {
            checked.left_out.push(LeftOut::Job { draft: index });
            return;
        }
        let kept: Vec<bool> = places
            .origin
            .iter()
            .map(|origin| !bad.contains(origin))
            .collect();
        for ((origin, at), kept) in places.origin.iter().zip(&indices).zip(&kept) {
            if !kept {
                checked.left_out.push(LeftOut::Recipient {
                    draft: index,
                    origin: *origin,
                    index: *at,
                });
            }
        }
        keep_references(&mut document, &places.origin);
        if let Some(recipients) = document.get_mut("recipients").and_then(Value::as_array_mut) {
            retain(recipients, &kept);
        }
        retain(&mut places.origin, &kept);
        retain(&mut indices, &kept);
        if places.origin.is_empty() {
            return;
        }
    }
}

fn retain<T>(list: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    list.retain(|_| kept.next().copied().unwrap_or(true));
}

/// A reference that is not given is the position; it stays what it was when others are left out.
fn keep_references(document: &mut Value, origin: &[usize]) {
    let recipients = document.get_mut("recipients").and_then(Value::as_array_mut);
    for (recipient, origin) in recipients.into_iter().flatten().zip(origin) {
        if let Value::Object(fields) = recipient
            && fields.get("ref").is_none_or(Value::is_null)
        {
            fields.insert("ref".into(), (origin + 1).to_string().into());
        }
    }
}

/// The same id twice in one file would be answered as a conflict, or silently taken for a repeat.
fn check_names(checked: &mut Checked) {
    let mut seen = BTreeSet::new();
    for ready in &checked.ready {
        if !seen.insert(ready.name.as_str()) {
            let finding = Finding {
                place: ready.places.prefix.clone(),
                problem: format!(
                    "the job id {} is used twice in this file; each job needs its own",
                    ready.name
                ),
                recipient: None,
            };
            checked.findings.push((usize::MAX, finding));
            checked.is_ambiguous = true;
        }
    }
}

fn first_is_synthetic(drafts: &[Draft]) -> bool {
    let recipients = drafts
        .iter()
        .filter_map(|draft| draft.document.get("recipients")?.as_array())
        .flatten();
    let mut persons = recipients.filter_map(|recipient| recipient.get("person")?.as_str());
    persons
        .find_map(|raw| PersonNumber::parse(raw).ok())
        .is_some_and(|person| person.is_synthetic())
}
