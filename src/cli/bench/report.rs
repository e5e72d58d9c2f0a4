//! What was measured, for people and programs.

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::book::{Marks, Numbers};
use super::make::Recipe;
use super::processes::{Processes, mebibytes, per};
use super::sink::TakenOver;
use crate::cli::submit::report::{counted, grouped};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything that was waited for came.
    Complete,
    /// Nothing came any more.
    Stalled,
    /// Ctrl-C.
    Interrupted,
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Report<'a> {
    /// What the jobs were like.
    pub recipe: &'a Recipe,
    /// How many jobs there were to be.
    pub jobs: usize,
    /// How it ended.
    pub end: End,
    /// What was published and came back.
    pub numbers: Numbers,
    /// CPU and memory.
    pub processes: &'a Processes,
    /// What the sink took, if it was in this process.
    pub taken: Option<TakenOver>,
}

/// How far and how fast something went.
#[derive(Debug, Clone, Copy)]
struct Pace {
    name: &'static str,
    count: u64,
    seconds: f64,
    per_second: Option<f64>,
}

impl Pace {
    /// Since the clock of the run started, right before its first job left.
    fn of(name: &'static str, marks: Marks, each: u64) -> Self {
        let count = marks.count * each;
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds and counts far below 2^53"
        )]
        let (seconds, number) = (marks.last as f64 / 1e6, count as f64);
        Self {
            name,
            count,
            seconds,
            per_second: (seconds > 0.0).then(|| number / seconds),
        }
    }
}

impl Report<'_> {
    fn notifications(&self) -> u64 {
        (self.jobs * self.recipe.recipients) as u64
    }

    /// What CPU time is divided by: what was settled, else what was taken in.
    fn handled(&self) -> u64 {
        let each = self.recipe.recipients as u64;
        match (self.numbers.settled.count, self.numbers.accepted.count) {
            (0, 0) => self.numbers.published.count * each,
            (0, accepted) => accepted * each,
            (settled, _) => settled,
        }
    }

    fn paces(&self) -> [Pace; 3] {
        let each = self.recipe.recipients as u64;
        [
            Pace::of("published", self.numbers.published, each),
            Pace::of("accepted", self.numbers.accepted, each),
            Pace::of("settled", self.numbers.settled, 1),
        ]
    }

    fn latencies(&self) -> Vec<(&'static str, &Histogram<u64>)> {
        let mut all = vec![
            ("accepted", &self.numbers.to_accepted),
            ("settled", &self.numbers.to_settled),
        ];
        if let Some(taken) = &self.taken {
            all.insert(1, ("taken_over", &taken.latency));
        }
        all.retain(|(_, histogram)| !histogram.is_empty());
        all
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        put("run", json!(self.recipe.run));
        put("jobs", json!(self.jobs));
        put("recipients", json!(self.recipe.recipients));
        put("complete", json!(self.end == End::Complete));
        put("interrupted", json!(self.end == End::Interrupted));
        for pace in self.paces() {
            let value = json!({"notifications": pace.count, "seconds": pace.seconds, "per_second": pace.per_second});
            put(pace.name, value);
        }
        put("rejected_jobs", json!(self.numbers.rejected));
        put("rejection", json!(self.numbers.rejection));
        put("statuses", json!(self.numbers.statuses));
        put("corrections", json!(self.numbers.corrections));
        let missing = self.notifications() - self.numbers.settled.count.min(self.notifications());
        put("not_settled", json!(missing));
        let latencies = self.latencies();
        let latencies = latencies
            .iter()
            .map(|(name, histogram)| ((*name).to_owned(), percentiles(histogram)));
        put("latency_ms", Value::Object(latencies.collect()));
        put(
            "taken_over",
            json!(self.taken.as_ref().map(TakenOver::to_json)),
        );
        put("processes", self.processes.to_json(self.handled()));
        Value::Object(document)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} of {}, run {}",
            counted(self.jobs as u64, "job"),
            counted(self.recipe.recipients as u64, "recipient"),
            self.recipe.run
        )];
        let mut rates = table(&["", "notifications", "seconds", "a second"]);
        for pace in self.paces() {
            let rate = pace
                .per_second
                .map_or_else(String::new, |rate| format!("{rate:.0}"));
            let seconds = format!("{:.2}", pace.seconds);
            rates.add_row([pace.name.to_owned(), grouped(pace.count), seconds, rate]);
        }
        lines.push(right_aligned(rates));
        if !self.latencies().is_empty() {
            let mut times = table(&["milliseconds", "p50", "p90", "p99", "p99.9", "max"]);
            for (name, histogram) in self.latencies() {
                let mut row = vec![format!("published to {}", name.replace('_', " "))];
                row.extend(QUANTILES.iter().map(|(_, quantile)| {
                    format!("{:.1}", millis(histogram.value_at_quantile(*quantile)))
                }));
                times.add_row(row);
            }
            lines.push(right_aligned(times));
        }
        let mut used = table(&["process", "CPU s", "CPU µs each", "memory MiB"]);
        for (name, cpu, memory) in self.processes.rows() {
            let each =
                per(cpu, self.handled()).map_or_else(String::new, |each| format!("{each:.0}"));
            used.add_row([
                name.to_owned(),
                format!("{cpu:.2}"),
                each,
                format!("{:.1}", mebibytes(memory)),
            ]);
        }
        lines.push(right_aligned(used));
        let statuses: Vec<String> = self
            .numbers
            .statuses
            .iter()
            .map(|(status, count)| format!("{} {status}", grouped(*count)))
            .collect();
        if !statuses.is_empty() {
            lines.push(format!("Settled: {}.", statuses.join(", ")));
        }
        if let Some(taken) = &self.taken {
            lines.push(format!(
                "The sink took {} and {}.",
                counted(taken.sms, "SMS").replace("SMSs", "SMS"),
                counted(taken.email, "e-mail")
            ));
        }
        lines.extend(self.trouble());
        lines.join("\n\n")
    }

    fn trouble(&self) -> Option<String> {
        let numbers = &self.numbers;
        if let (1.., why) = (numbers.rejected, &numbers.rejection) {
            let why = why.as_deref().unwrap_or("no reason given");
            return Some(format!(
                "{} refused; the first: {why}",
                counted(numbers.rejected, "job")
            ));
        }
        match self.end {
            End::Complete => None,
            End::Interrupted => Some("Interrupted: this is what was measured until then.".to_owned()),
            End::Stalled => Some(
                "Nothing came any more. Is a worker running with all roles, are its gateways there, \
                 and does the agency want these events (agency.events)?"
                    .to_owned(),
            ),
        }
    }
}

/// Names and places of the percentiles.
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p999", 0.999),
    ("max", 1.0),
];

fn percentiles(histogram: &Histogram<u64>) -> Value {
    let mut row: Map<String, Value> = QUANTILES
        .iter()
        .map(|(name, quantile)| {
            (
                (*name).to_owned(),
                json!(millis(histogram.value_at_quantile(*quantile))),
            )
        })
        .collect();
    row.insert("mean".to_owned(), json!((histogram.mean()).round() / 1e3));
    row.insert("count".to_owned(), json!(histogram.len()));
    Value::Object(row)
}

fn millis(micros: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an hour at most")]
    let millis = micros as f64 / 1e3;
    millis
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table
}

fn right_aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
