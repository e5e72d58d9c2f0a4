//! The bodies of the API's answers, as far as we read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::event::Problem;
use crate::domain::status::Status;

/// How many notifications have each status. A status that we do not know is kept by its word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Totals(pub BTreeMap<String, u64>);

impl Totals {
    /// All notifications.
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those after which nothing more is done by itself.
    pub fn settled(&self) -> u64 {
        let settled = |word: &str| Status::from_word(word).is_some_and(Status::is_settled);
        self.0
            .iter()
            .filter(|(word, _)| settled(word))
            .map(|(_, count)| count)
            .sum()
    }

    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        for (word, count) in &others.0 {
            *self.0.entry(word.clone()).or_default() += count;
        }
    }

    /// In the order of a notification's life; words that we do not know come last.
    pub fn in_order(&self) -> Vec<(&str, u64)> {
        let mut rows: Vec<(&str, u64)> = self
            .0
            .iter()
            .map(|(word, count)| (word.as_str(), *count))
            .collect();
        rows.sort_by_key(|(word, _)| Status::from_word(word).map_or(i16::MAX, Status::code));
        rows
    }
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAnswer {
    /// The agency's own id.
    pub job: String,
    /// `open`, `finished` or `cancelled`.
    pub state: String,
    /// How many recipients.
    pub recipients: u64,
    /// What became of them.
    #[serde(default)]
    pub totals: Totals,
    /// Which law applies; absent right after enqueueing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The lane granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// When it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<String>,
}

impl JobAnswer {
    /// Nothing more is done by itself.
    pub fn is_settled(&self) -> bool {
        let all = self.totals.all();
        self.state != "open" || (all > 0 && self.totals.settled() == all)
    }
}

/// A page of notifications.
#[derive(Debug, Clone, Deserialize)]
pub struct Page {
    /// The `data` of the latest `notification.*` event each, or the unsettled status.
    pub items: Vec<Notification>,
    /// Where the next page starts.
    #[serde(default)]
    pub next: Option<String>,
}

/// One recipient on one occasion on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The agency's own reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// 0 for the first.
    #[serde(default)]
    pub occasion: u8,
    /// Absent if none was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Where it stands.
    pub status: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A page of the event feed.
#[derive(Debug, Clone, Deserialize)]
pub struct FeedPage {
    /// In the order of `sequence`.
    pub items: Vec<FeedEvent>,
    /// The `sequence` to go on after.
    pub next: String,
}

/// An event, as feed and AMQP carry it; of `data` what tells whom and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FeedEvent {
    /// With the prefix `no.budstikke.`.
    #[serde(rename = "type")]
    pub full_kind: String,
    /// The job, if it could be read.
    #[serde(default)]
    pub subject: Option<String>,
    /// Its place in the agency's stream, a decimal number.
    pub sequence: String,
    /// What happened.
    #[serde(default)]
    pub data: FeedData,
}

/// What happened, and to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct FeedData {
    /// The recipient, of `notification.*`.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The status, of `notification.*`.
    #[serde(default)]
    pub status: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

impl FeedEvent {
    /// The type without its prefix, such as `job.accepted`.
    pub fn kind(&self) -> &str {
        let full = self.full_kind.as_str();
        full.strip_prefix("no.budstikke.").unwrap_or(full)
    }
}

/// `application/problem+json` (RFC 9457).
#[derive(Debug, Default, Deserialize)]
pub struct ProblemBody {
    /// What was wrong this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// The kind of problem in short.
    #[serde(default)]
    pub title: Option<String>,
    /// Everything that is wrong with a job.
    #[serde(default)]
    problems: Vec<Value>,
}

impl ProblemBody {
    /// Everything that is wrong with a job; entries of another shape are passed over.
    pub fn problems(&self) -> Vec<Problem> {
        let text =
            |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let problem = |entry: &Value| {
            Some(Problem {
                pointer: text(entry, "pointer")?,
                problem: text(entry, "problem")?,
            })
        };
        self.problems.iter().filter_map(problem).collect()
    }
}

/// Who of a street was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachAnswer {
    /// The agency's own id of the job.
    pub job: String,
    /// Where the job stands.
    pub state: String,
    /// How many residents.
    pub recipients: u64,
    /// In how many households.
    pub households: u64,
    /// What became of them, by the API's own words.
    pub reach: serde_json::Map<String, Value>,
    /// Houses where a household has nobody who got the message.
    pub without_reach: Vec<HouseAnswer>,
}

/// A house where a household was not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseAnswer {
    /// Its number.
    pub number: u32,
    /// The letter behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<String>,
    /// How many households of the job live there.
    pub households: u64,
    /// How many of them were not reached.
    pub unreached: u64,
}
