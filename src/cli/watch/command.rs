//! The command: looks once a second and draws over the last view.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::exposition;
use super::snapshot::Snapshot;
use crate::adapters::api_client::ApiClient;
use crate::cli::api::{ApiArgs, Key};
use crate::cli::args::Global;
use crate::cli::context::{Failure, note, say};

/// Show live what a worker of the fleet does.
#[derive(Debug, Args)]
pub struct Watch {
    #[command(flatten)]
    api: ApiArgs,
    /// End after so many looks; without it, after Ctrl-C.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
    /// How long between two looks.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    every: Duration,
}

/// How a look is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    /// Drawn over the last one.
    View,
    /// A line each.
    Lines,
    /// A JSON object a line.
    Json,
}

impl Watch {
    /// Runs the command until Ctrl-C.
    ///
    /// # Errors
    /// [`Failure`] when the very first look fails; later ones are told and made again.
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let client = self.api.client(Key::NotNeeded)?;
        let show = match (global.json, std::io::stdout().is_terminal()) {
            (true, _) => Show::Json,
            (false, true) => Show::View,
            (false, false) => Show::Lines,
        };
        tokio::select! {
            watched = self.watch(&client, show) => watched?,
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn watch(&self, client: &ApiClient, show: Show) -> anyhow::Result<()> {
        let mut before: Option<(Snapshot, Instant)> = None;
        let mut drawn = 0;
        let mut looks = 0_u64;
        let mut ticks = tokio::time::interval(self.every.max(Duration::from_millis(100)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let text = match client.metrics().await {
                Ok(text) => text,
                Err(error) if before.is_none() => return Err(error.into()),
                Err(error) => {
                    note(format!("{error}; trying again"));
                    drawn = 0;
                    continue;
                }
            };
            let now = (Snapshot::of(&exposition::read(&text)), Instant::now());
            let since = before
                .as_ref()
                .map(|(snapshot, at)| (snapshot, now.1.duration_since(*at)));
            match show {
                Show::View => drawn = draw(&now.0.view(since), drawn),
                Show::Lines => say(now.0.line(since)),
                Show::Json => say(now.0.to_json(since).to_string()),
            }
            before = Some(now);
            looks += 1;
            if self.count.is_some_and(|count| looks >= count) {
                return Ok(());
            }
        }
    }
}

/// Draws over the last view of `drawn` lines; says how many lines it has now.
fn draw(lines: &[String], drawn: usize) -> usize {
    let mut text = String::new();
    if drawn > 0 {
        text.push_str(&format!("\u{1b}[{drawn}A\u{1b}[J"));
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let mut out = std::io::stdout().lock();
    // A closed terminal ends the view, not the program.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    lines.len()
}
