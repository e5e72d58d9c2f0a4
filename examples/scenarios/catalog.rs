//! The scenarios, their goals, and in which order they run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::anyhow;

use crate::drain::Drain;
use crate::rig::Rig;
use crate::{drain, history, intake, latency, sqlite, startup};

/// Whether more or less is better, and where the goal is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Told, without a goal.
    Told,
}

/// One figure of a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) key: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Only in full runs, or when it is named.
    pub(crate) long: bool,
}

impl Scenario {
    /// How often it runs; what takes long runs once.
    pub(crate) const fn runs(&self, wanted: u32) -> u32 {
        if self.long { 1 } else { wanted }
    }
}

/// What a run of a scenario has measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    values: BTreeMap<&'static str, f64>,
    /// CPU microseconds per notification, by process.
    pub(crate) cpu: BTreeMap<String, f64>,
}

impl Figures {
    pub(crate) fn put(&mut self, key: &'static str, value: f64) {
        self.values.insert(key, value);
    }

    pub(crate) fn get(&self, key: &str) -> Option<f64> {
        self.values.get(key).copied()
    }
}

const fn scenario(name: &'static str, what: &'static str) -> Scenario {
    Scenario {
        name,
        what,
        long: false,
    }
}

/// All scenarios.
pub(crate) const ALL: &[Scenario] = &[
    scenario(
        "w1",
        "jobs of one recipient from a filled queue, events notification.*",
    ),
    scenario("w1-all", "the same with every event"),
    scenario("w2", "jobs of 1,000 recipients from a filled queue"),
    scenario(
        "w1-delay",
        "jobs of one recipient, gateway and relay answer after 100 ms",
    ),
    scenario(
        "fleet",
        "one worker and four, 4 requests in flight each, answers after 50 ms",
    ),
    scenario(
        "latency",
        "50 notifications a second offered to an idle fleet, over AMQP",
    ),
    scenario(
        "intake",
        "jobs of one recipient stored from a filled queue, nothing sent",
    ),
    scenario(
        "intake-large",
        "jobs of 10,000 recipients stored from a filled queue, nothing sent",
    ),
    scenario(
        "intake-mixed",
        "the same behind 5,000 jobs of one recipient",
    ),
    scenario("sqlite", "SQLite, jobs of 1,000 recipients over HTTP"),
    scenario("startup", "from start to ready with a migrated database"),
    Scenario {
        name: "history",
        what: "a backlog of 1,000,000 and 10,000,000 finished (quick: a tenth) against a backlog of 120,000",
        long: true,
    },
];

const fn measure(key: &'static str, what: &'static str, unit: &'static str, goal: Goal) -> Measure {
    Measure {
        key,
        what,
        unit,
        goal,
    }
}

const MEMORY: Measure = measure(
    "memory",
    "worker's memory, peak",
    "MiB",
    Goal::AtMost(150.0),
);

/// What is told of a scenario.
pub(crate) fn measures(scenario: &Scenario) -> Vec<Measure> {
    let rate = |goal| measure("rate", "notifications", "/s", goal);
    let worker = |goal| measure("worker_us", "worker's CPU time each", "µs", goal);
    let statements = |goal| measure("statements", "database statements each", "", goal);
    let commits = |goal| measure("commits", "commits each", "", goal);
    match scenario.name {
        "w1" => vec![
            rate(Goal::AtLeast(5_000.0)),
            worker(Goal::AtMost(150.0)),
            statements(Goal::AtMost(0.2)),
            commits(Goal::AtMost(0.02)),
            MEMORY,
        ],
        "w1-all" => vec![
            rate(Goal::AtLeast(3_500.0)),
            worker(Goal::Told),
            statements(Goal::AtMost(0.2)),
            commits(Goal::AtMost(0.02)),
            MEMORY,
        ],
        "w2" => vec![
            rate(Goal::AtLeast(8_000.0)),
            worker(Goal::AtMost(100.0)),
            statements(Goal::AtMost(0.2)),
            commits(Goal::AtMost(0.02)),
            MEMORY,
        ],
        "w1-delay" => vec![rate(Goal::Told), worker(Goal::Told), MEMORY],
        "fleet" => vec![
            measure("one", "notifications, one worker", "/s", Goal::Told),
            measure("four", "notifications, four workers", "/s", Goal::Told),
            measure("scaling", "four against one", "×", Goal::AtLeast(3.8)),
            measure(
                "to_end",
                "four against one, until the last",
                "×",
                Goal::Told,
            ),
        ],
        "latency" => vec![
            measure(
                "p50",
                "published to taken over, p50",
                "ms",
                Goal::AtMost(8.0),
            ),
            measure(
                "p99",
                "published to taken over, p99",
                "ms",
                Goal::AtMost(20.0),
            ),
            measure("max", "published to taken over, longest", "ms", Goal::Told),
            measure(
                "settled_p50",
                "published to settled event, p50",
                "ms",
                Goal::Told,
            ),
            measure(
                "settled_p99",
                "published to settled event, p99",
                "ms",
                Goal::Told,
            ),
        ],
        "intake" => vec![
            measure("rate", "jobs", "/s", Goal::AtLeast(12_000.0)),
            worker(Goal::Told),
        ],
        "intake-large" | "intake-mixed" => vec![
            measure("rate", "recipients", "/s", Goal::Told),
            worker(Goal::Told),
            MEMORY,
        ],
        "sqlite" => vec![rate(Goal::AtLeast(6_000.0)), worker(Goal::Told), MEMORY],
        "startup" => vec![measure(
            "ready",
            "from start to ready",
            "ms",
            Goal::AtMost(300.0),
        )],
        _ => vec![
            measure(
                "small",
                "notifications, backlog of 120,000",
                "/s",
                Goal::Told,
            ),
            measure(
                "large",
                "notifications, backlog and history",
                "/s",
                Goal::Told,
            ),
            measure("kept", "what is left of the rate", "×", Goal::AtLeast(0.9)),
            measure(
                "small_us",
                "database's CPU time each, small",
                "µs",
                Goal::Told,
            ),
            measure(
                "large_us",
                "database's CPU time each, large",
                "µs",
                Goal::Told,
            ),
            MEMORY,
        ],
    }
}

/// The scenarios named, else all that belong to such a run.
pub(crate) fn choose(names: &[String], quick: bool) -> anyhow::Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(ALL.iter().filter(|one| !(quick && one.long)).collect());
    }
    let known = || {
        ALL.iter()
            .map(|one| one.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    names
        .iter()
        .map(|name| {
            let found = ALL.iter().find(|one| one.name == name);
            found.ok_or_else(|| anyhow!("there is no scenario \"{name}\"; there are {}", known()))
        })
        .collect()
}

/// Runs a scenario once.
pub(crate) async fn run(scenario: &Scenario, rig: &Rig) -> anyhow::Result<Figures> {
    let jobs = if rig.quick { 10_000 } else { 20_000 };
    let w1 = Drain { jobs, ..Drain::W1 };
    let large = if rig.quick { 60 } else { 300 };
    match scenario.name {
        "w1" => w1.run(rig).await,
        "w1-all" => {
            let all = Drain {
                events: "[\"*\"]",
                job_events: 2,
                ..w1
            };
            all.run(rig).await
        }
        "w2" => {
            let w2 = Drain {
                jobs: if rig.quick { 40 } else { 100 },
                recipients: 1_000,
                ..w1
            };
            w2.run(rig).await
        }
        "w1-delay" => {
            let delayed = Drain {
                latency: Duration::from_millis(100),
                concurrency: 1_000,
                connections: 400,
                ..w1
            };
            delayed.run(rig).await
        }
        "fleet" => drain::fleet(rig).await,
        "latency" => latency::run(rig).await,
        "intake" => intake::run(rig, &[(if rig.quick { 20_000 } else { 50_000 }, 1)]).await,
        "intake-large" => intake::run(rig, &[(large, 10_000)]).await,
        "intake-mixed" => intake::run(rig, &[(5_000, 1), (large, 10_000)]).await,
        "sqlite" => sqlite::run(rig).await,
        "startup" => startup::run(rig).await,
        "history" => history::run(rig).await,
        other => Err(anyhow!("the scenario \"{other}\" is listed but not built")),
    }
}
