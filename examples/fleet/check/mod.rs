//! `check`: one scenario per statement about the fleet, a table at the end.

mod fair;
mod lanes;
mod limits;
mod measure;
mod people;
mod rates;
mod retries;
mod shift;
mod silence;
mod stop;
mod table;
mod windows;

use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use clap::Args;
use futures::future::join_all;

use crate::parts::env::Env;
use crate::parts::say::{load_average, note, say};
use table::{Row, show};

/// Measure the statements, with fleets of several processes on PostgreSQL and RabbitMQ.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Only these scenarios; all without a name.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Say which scenarios there are.
    #[arg(long)]
    list: bool,
}

/// Name, what it is about, and whether it is so easy on the machine that others run beside it.
const SCENARIOS: [(&str, &str, Pace); 8] = [
    (
        "rates",
        "50 parts/s and 40 mails/s with 1, 4 and 8 workers, coming and going; 429",
        Pace::Alone,
    ),
    (
        "lanes",
        "urgent, normal, bulk; stop, resume, cancel",
        Pace::Beside,
    ),
    (
        "windows",
        "nothing before the opening, no burst, nothing after `expires`",
        Pace::Beside,
    ),
    (
        "limits",
        "urgent quota, per address, per agency",
        Pace::Beside,
    ),
    (
        "retries",
        "back-off, retry budget, a gateway that is down, the circuit",
        Pace::Beside,
    ),
    (
        "shift",
        "two gateways, one of them bad; unknown outcomes",
        Pace::Beside,
    ),
    (
        "people",
        "fallback, reminders, shared addresses",
        Pace::Alone,
    ),
    (
        "fair",
        "a backlog of a million beside others; weights; 1000/s",
        Pace::Alone,
    ),
];

/// How a scenario shares the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// It needs the machine.
    Alone,
    /// It runs beside the others of its kind.
    Beside,
}

impl Check {
    /// Prints the scenarios if that is all that was asked for.
    pub(crate) fn only_lists(&self) -> bool {
        if self.list {
            for (name, about, _) in SCENARIOS {
                say(format!("{name:12} {about}"));
            }
        }
        self.list
    }

    /// Runs the scenarios; whether every statement holds.
    ///
    /// # Errors
    /// A scenario has no such name.
    pub(crate) async fn run(&self, env: &Arc<Env>) -> anyhow::Result<bool> {
        for name in &self.names {
            let known = SCENARIOS.map(|(name, ..)| name);
            ensure!(
                known.contains(&name.as_str()),
                "there is no scenario {name}; there are {}",
                known.join(", ")
            );
        }
        let started = Instant::now();
        let wanted = |name: &str| self.names.is_empty() || self.names.iter().any(|n| n == name);
        let chosen = || SCENARIOS.iter().filter(|(name, ..)| wanted(name));
        let beside = chosen().filter(|(.., pace)| *pace == Pace::Beside);
        let mut rows = join_all(beside.map(|(name, about, _)| play(env, name, about)))
            .await
            .concat();
        for (name, about, pace) in chosen() {
            if *pace == Pace::Alone {
                rows.extend(play(env, name, about).await);
            }
        }
        Ok(show(&rows, started.elapsed()))
    }
}

async fn play(env: &Arc<Env>, name: &str, about: &str) -> Vec<Row> {
    let begun = Instant::now();
    note(format!(
        "{name}: {about} (load average {:.1})",
        load_average()
    ));
    let done = match name {
        "rates" => rates::run(env).await,
        "lanes" => lanes::run(env).await,
        "windows" => windows::run(env).await,
        "limits" => limits::run(env).await,
        "retries" => retries::run(env).await,
        "shift" => shift::run(env).await,
        "people" => people::run(env).await,
        "fair" => fair::run(env).await,
        other => Err(anyhow::anyhow!("{other} has no scenario")),
    };
    let rows = match done {
        Ok(found) => found,
        Err(error) => vec![Row::broken(name, &error)],
    };
    note(format!("{name}: {:.0} s", begun.elapsed().as_secs_f64()));
    rows
}
