//! `check`: one scenario per statement about the fleet, a table at the end.

mod measure;
mod rates;
mod table;

use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use clap::Args;

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

/// Name, what it is about.
const SCENARIOS: [(&str, &str); 1] = [(
    "rates",
    "50 parts/s and 40 mails/s with 1, 4 and 8 workers, coming and going",
)];

impl Check {
    /// Prints the scenarios if that is all that was asked for.
    pub(crate) fn only_lists(&self) -> bool {
        if self.list {
            for (name, about) in SCENARIOS {
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
            let known = SCENARIOS.map(|(name, _)| name);
            ensure!(
                known.contains(&name.as_str()),
                "there is no scenario {name}; there are {}",
                known.join(", ")
            );
        }
        let started = Instant::now();
        let mut rows = Vec::new();
        for (name, about) in SCENARIOS {
            if !self.names.is_empty() && !self.names.iter().any(|wanted| wanted == name) {
                continue;
            }
            let begun = Instant::now();
            note(format!(
                "{name}: {about} (load average {:.1})",
                load_average()
            ));
            let done = match name {
                "rates" => rates::run(env).await,
                other => Err(anyhow::anyhow!("{other} has no scenario")),
            };
            match done {
                Ok(found) => rows.extend(found),
                Err(error) => rows.push(Row::broken(name, &error)),
            }
            note(format!("{name}: {:.0} s", begun.elapsed().as_secs_f64()));
        }
        Ok(show(&rows, started.elapsed()))
    }
}
