//! What a worker's metrics say at one moment, and what changed since the last. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::exposition::Sample;
use crate::cli::submit::report::grouped;
use crate::domain::kinds::Lane;
use crate::domain::status::Status;

/// What counts at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Due deliveries and the age of the oldest in seconds, by lane.
    pub due: BTreeMap<String, (f64, f64)>,
    /// Settled since the worker started, by status.
    pub settled: BTreeMap<String, f64>,
    /// Tries since the worker started, by gateway and outcome.
    pub tries: BTreeMap<(String, String), f64>,
    /// Events that nobody has taken yet.
    pub events_held: f64,
}

impl Snapshot {
    /// Of a worker's metrics.
    pub fn of(samples: &[Sample]) -> Self {
        let mut snapshot = Self::default();
        for sample in samples {
            let label = |name| sample.label(name).to_owned();
            match sample.name.as_str() {
                "budstikke_due" => snapshot.due.entry(label("lane")).or_default().0 = sample.value,
                "budstikke_oldest_due_seconds" => {
                    snapshot.due.entry(label("lane")).or_default().1 = sample.value;
                }
                "budstikke_settled_total" => {
                    *snapshot.settled.entry(label("status")).or_default() += sample.value;
                }
                "budstikke_tries_total" => {
                    *snapshot
                        .tries
                        .entry((label("gateway"), label("outcome")))
                        .or_default() += sample.value;
                }
                "budstikke_events_held" => snapshot.events_held = sample.value,
                _other => {}
            }
        }
        snapshot
    }

    /// For people: a view of some lines.
    pub fn view(&self, before: Option<(&Self, Duration)>) -> Vec<String> {
        let mut lines = vec!["lane            due     oldest".to_owned()];
        for lane in self.lanes() {
            let (due, oldest) = self.due.get(lane).copied().unwrap_or_default();
            lines.push(format!("{lane:<8}{:>11}{:>11}", whole(due), age(oldest)));
        }
        lines.push(String::new());
        lines.push("settled           per second          all".to_owned());
        for status in self.statuses() {
            let now = self.settled.get(status).copied().unwrap_or_default();
            let then =
                before.map(|(b, took)| (b.settled.get(status).copied().unwrap_or_default(), took));
            lines.push(format!(
                "{status:<16}{:>12}{:>13}",
                rate(now, then),
                whole(now)
            ));
        }
        lines.push(String::new());
        lines.push("tries                                per second          all".to_owned());
        for ((gateway, outcome), now) in &self.tries {
            let key = (gateway.clone(), outcome.clone());
            let then =
                before.map(|(b, took)| (b.tries.get(&key).copied().unwrap_or_default(), took));
            lines.push(format!(
                "{gateway:<19}{outcome:<16}{:>12}{:>13}",
                rate(*now, then),
                whole(*now)
            ));
        }
        if self.events_held > 0.0 {
            lines.push(String::new());
            lines.push(format!(
                "{} events are held: nobody takes them",
                whole(self.events_held)
            ));
        }
        lines
    }

    /// For a log: one line.
    pub fn line(&self, before: Option<(&Self, Duration)>) -> String {
        let due: Vec<String> = self
            .lanes()
            .map(|lane| (lane, self.due.get(lane).copied().unwrap_or_default()))
            .map(|(lane, (due, oldest))| format!("{lane} {} ({})", whole(due), age(oldest)))
            .collect();
        let sum = |snapshot: &Self| snapshot.settled.values().sum::<f64>();
        let then = before.map(|(b, took)| (sum(b), took));
        let now = sum(self);
        format!(
            "due {}; settled {} per second, {} in all",
            due.join(", "),
            rate(now, then),
            whole(now)
        )
    }

    /// For programs: one object.
    pub fn to_json(&self, before: Option<(&Self, Duration)>) -> Value {
        let mut due = serde_json::Map::new();
        for (lane, (count, oldest)) in &self.due {
            due.insert(
                lane.clone(),
                json!({"due": count, "oldest_seconds": oldest}),
            );
        }
        let mut settled = serde_json::Map::new();
        for (status, now) in &self.settled {
            let then =
                before.map(|(b, took)| (b.settled.get(status).copied().unwrap_or_default(), took));
            settled.insert(
                status.clone(),
                json!({"total": now, "per_second": per_second(*now, then)}),
            );
        }
        let tries: Vec<Value> = self
            .tries
            .iter()
            .map(|((gateway, outcome), now)| json!({"gateway": gateway, "outcome": outcome, "total": now}))
            .collect();
        json!({"due": due, "settled": settled, "tries": tries, "events_held": self.events_held})
    }

    /// All lanes in their order.
    fn lanes(&self) -> impl Iterator<Item = &'static str> {
        Lane::ALL.iter().map(|lane| lane.as_str())
    }

    /// The statuses that occur, in their order.
    fn statuses(&self) -> impl Iterator<Item = &str> {
        let mut statuses: Vec<&str> = self.settled.keys().map(String::as_str).collect();
        statuses.sort_by_key(|word| Status::from_word(word).map_or(i16::MAX, Status::code));
        statuses.into_iter()
    }
}

/// A counter that has become smaller began anew: the worker was restarted.
fn per_second(now: f64, then: Option<(f64, Duration)>) -> Option<f64> {
    let (then, took) = then.filter(|(_, took)| !took.is_zero())?;
    let more = if now < then { now } else { now - then };
    Some(more / took.as_secs_f64())
}

fn rate(now: f64, then: Option<(f64, Duration)>) -> String {
    per_second(now, then).map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}"))
}

fn whole(number: f64) -> String {
    // Counters are whole and never negative.
    grouped(number.max(0.0).round() as u64)
}

fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let minutes = (seconds / 60.0) as u64;
    if minutes < 60 {
        format!("{minutes} min")
    } else {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}
