//! Measured against goal, as text, JSON and `docs/performance.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::catalog::{ALL, Figures, Goal, Measure, Scenario, measures};
use crate::database::Database;
use crate::rig::Rig;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Vec<(&'static str, String)>,
    quick: bool,
    runs: BTreeMap<&'static str, Vec<Figures>>,
    failures: BTreeMap<&'static str, String>,
}

impl Report {
    /// An empty one, with what the machine is.
    pub(crate) async fn new(rig: &Rig) -> anyhow::Result<Self> {
        let broker = Broker::connect(rig).await?;
        let versions = format!(
            "PostgreSQL {}, RabbitMQ {}",
            Database::version(rig).await?,
            broker.version
        );
        broker.close().await?;
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let machine = vec![
            ("date", budstikke::app::build::clock().now().to_string()),
            ("program", program().await),
            ("processor", format!("{processors} × {}", processor())),
            ("memory", memory()),
            ("kernel", read("/proc/sys/kernel/osrelease")),
            ("servers", versions),
            ("load before", read("/proc/loadavg")),
        ];
        Ok(Self {
            machine,
            quick: rig.quick,
            runs: BTreeMap::new(),
            failures: BTreeMap::new(),
        })
    }

    pub(crate) fn add(&mut self, scenario: &Scenario, figures: Figures) {
        self.runs.entry(scenario.name).or_default().push(figures);
    }

    pub(crate) fn failed(&mut self, scenario: &Scenario, error: &anyhow::Error) {
        self.failures.insert(scenario.name, format!("{error:#}"));
    }

    pub(crate) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    fn median(&self, scenario: &Scenario, key: &str) -> Option<f64> {
        let runs = self.runs.get(scenario.name)?;
        median(runs.iter().filter_map(|figures| figures.get(key)).collect())
    }

    /// CPU microseconds per notification and the share of all, by process, the largest first.
    fn cpu(&self, scenario: &Scenario) -> Vec<(String, f64, f64)> {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for figures in self.runs.get(scenario.name).into_iter().flatten() {
            for (name, micros) in &figures.cpu {
                all.entry(name).or_default().push(*micros);
            }
        }
        let mut rows: Vec<(String, f64)> = all
            .into_iter()
            .filter_map(|(name, values)| Some((name.to_owned(), median(values)?)))
            .collect();
        rows.sort_by(|one, other| other.1.total_cmp(&one.1));
        let sum: f64 = rows.iter().map(|(_, micros)| micros).sum();
        let share = |micros: f64| if sum > 0.0 { micros / sum } else { 0.0 };
        rows.into_iter()
            .map(|(name, micros)| (name, micros, share(micros)))
            .collect()
    }

    /// One scenario for people.
    pub(crate) fn text_of(&self, scenario: &Scenario) -> String {
        let mut text = format!("\n{}: {}\n", scenario.name, scenario.what);
        for measure in measures(scenario) {
            if let Some(value) = self.median(scenario, measure.key) {
                let line = row(&measure, value);
                // Writing into a String cannot fail.
                let _written = writeln!(
                    text,
                    "  {:34} {:>14}  {:>12}  {}",
                    line[0], line[1], line[2], line[3]
                );
            }
        }
        for (name, micros, share) in self.cpu(scenario) {
            let _written = writeln!(
                text,
                "  CPU {name:30} {micros:>11.0} µs  {:>11.0} %",
                share * 100.0
            );
        }
        if let Some(failure) = self.failures.get(scenario.name) {
            let _written = writeln!(text, "  could not be measured: {failure}");
        }
        text
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let machine: BTreeMap<_, _> = self.machine.iter().cloned().collect();
        let scenarios: Vec<Value> = self
            .chosen()
            .map(|scenario| {
                let figures: Vec<Value> = measures(scenario)
                    .iter()
                    .filter_map(|measure| {
                        let value = self.median(scenario, measure.key)?;
                        let (goal, met) = judged(measure.goal, value);
                        Some(json!({"figure": measure.key, "what": measure.what, "unit": measure.unit,
                                    "measured": value, "goal": goal, "met": met}))
                    })
                    .collect();
                let cpu: Vec<Value> = self
                    .cpu(scenario)
                    .into_iter()
                    .map(|(name, micros, share)| json!({"process": name, "us_per_notification": micros, "share": share}))
                    .collect();
                json!({"scenario": scenario.name, "what": scenario.what, "figures": figures, "cpu": cpu,
                       "runs": self.runs.get(scenario.name).map_or(0, Vec::len),
                       "failure": self.failures.get(scenario.name)})
            })
            .collect();
        json!({"machine": machine, "quick": self.quick, "scenarios": scenarios})
    }

    fn chosen(&self) -> impl Iterator<Item = &'static Scenario> {
        ALL.iter()
            .filter(|one| self.runs.contains_key(one.name) || self.failures.contains_key(one.name))
    }

    /// Writes the page.
    pub(crate) fn write(&self, file: &str, preliminary: bool) -> anyhow::Result<()> {
        let mut page = String::from(include_str!("performance.md"));
        if preliminary {
            page.push_str("\n**Preliminary:** the machine was busy with other work during this run; the figures are to be measured again.\n");
        }
        page.push_str("\n| | |\n|---|---|\n");
        for (what, value) in &self.machine {
            let _written = writeln!(page, "| {what} | {value} |");
        }
        let quick = if self.quick {
            "one quick run"
        } else {
            "the median of three runs"
        };
        let _written = writeln!(page, "| figures | {quick} |\n\n## Measured against goal\n");
        page.push_str("| scenario | figure | measured | goal | met |\n|---|---|---:|---:|---|\n");
        for scenario in self.chosen() {
            for measure in measures(scenario) {
                if let Some(value) = self.median(scenario, measure.key) {
                    let line = row(&measure, value).join(" | ");
                    let _written = writeln!(page, "| {} | {line} |", scenario.name);
                }
            }
            if let Some(failure) = self.failures.get(scenario.name) {
                let failure = failure.replace('|', "/").replace('\n', " ");
                let _written = writeln!(
                    page,
                    "| {} | not measured: {failure} | | | |",
                    scenario.name
                );
            }
        }
        page.push_str("\n## Where the CPU time goes\n\nMicroseconds per notification, and the share of all that was measured.\n\n");
        page.push_str("| scenario | process | µs | share |\n|---|---|---:|---:|\n");
        for scenario in self.chosen() {
            for (name, micros, share) in self.cpu(scenario) {
                let percent = share * 100.0;
                let _written = writeln!(
                    page,
                    "| {} | {name} | {micros:.0} | {percent:.0} % |",
                    scenario.name
                );
            }
        }
        page.push_str("\n## The scenarios\n\n| name | what |\n|---|---|\n");
        for scenario in ALL {
            let _written = writeln!(page, "| {} | {} |", scenario.name, scenario.what);
        }
        std::fs::write(file, page).with_context(|| format!("cannot write {file}"))
    }
}

/// What, measured, goal, met.
fn row(measure: &Measure, value: f64) -> [String; 4] {
    let number = |value: f64| {
        let digits = match value.abs() {
            0.0..0.1 => 4,
            0.1..10.0 => 2,
            10.0..100.0 => 1,
            _ => 0,
        };
        let text = format!("{value:.digits$} {}", measure.unit);
        text.trim_end().to_owned()
    };
    let goal = match measure.goal {
        Goal::AtLeast(goal) => format!("≥ {}", number(goal)),
        Goal::AtMost(goal) => format!("≤ {}", number(goal)),
        Goal::Told => String::new(),
    };
    let met = match judged(measure.goal, value).1 {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    [measure.what.to_owned(), number(value), goal, met.to_owned()]
}

const fn judged(goal: Goal, value: f64) -> (Option<f64>, Option<bool>) {
    match goal {
        Goal::AtLeast(goal) => (Some(goal), Some(value >= goal)),
        Goal::AtMost(goal) => (Some(goal), Some(value <= goal)),
        Goal::Told => (None, None),
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The version and, in a clone, the commit.
async fn program() -> String {
    let mut git = tokio::process::Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude=*"]);
    let output = git.output().await.map(|output| output.stdout);
    let commit = String::from_utf8(output.unwrap_or_default()).unwrap_or_default();
    let version = concat!("budstikke ", env!("CARGO_PKG_VERSION"));
    format!("{version} {}", commit.trim()).trim_end().to_owned()
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|rest| rest.split_once(':'));
    name.map_or("unknown", |(_, name)| name.trim()).to_owned()
}

fn memory() -> String {
    let text = read("/proc/meminfo");
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    format!("{} MiB", kilobytes.unwrap_or(0) / 1024)
}
