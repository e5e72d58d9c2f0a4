//! The scenarios of `scripts/bench`, which builds this, starts private servers and calls it.
//!
//! | file | holds |
//! |---|---|
//! | [`rig`] | servers, folder, configuration |
//! | [`worker`], [`sinks`] | the processes started here |
//! | [`database`], [`broker`] | what is asked of PostgreSQL and RabbitMQ |
//! | [`drain`] | a filled queue until every event is published: most scenarios are one |
//! | [`latency`], [`intake`], [`sqlite`], [`startup`], [`history`] | the others |
//! | [`catalog`] | the scenarios, their goals and in which order they run |
//! | [`report`] | measured against goal, as text, JSON and `docs/performance.md` |

mod broker;
mod catalog;
mod database;
mod drain;
mod history;
mod intake;
mod latency;
mod report;
mod rig;
mod sinks;
mod sqlite;
mod startup;
mod usage;
mod worker;

use std::process::ExitCode;

use budstikke::cli::context::{note, say, say_json};
use clap::Parser;

use crate::report::Report;
use crate::rig::Rig;

/// Runs benchmark scenarios against private servers and prints measured against goal.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct Options {
    /// One run of each and fewer messages, instead of the median of three.
    #[arg(long)]
    quick: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write docs/performance.md.
    #[arg(long)]
    write: bool,
    /// Say in docs/performance.md that the machine was busy with other work.
    #[arg(long, requires = "write")]
    preliminary: bool,
    /// Tell which statements the database was asked most, after each drain.
    #[arg(long)]
    statements: bool,
    /// Only list the scenarios.
    #[arg(long)]
    list: bool,
    /// Which scenarios; all of the kind of run unless given.
    names: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(code) => code,
        Err(error) => {
            note(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    if options.list {
        for scenario in catalog::ALL {
            say(format!("{:12} {}", scenario.name, scenario.what));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = catalog::choose(&options.names, options.quick)?;
    drop(rustls::crypto::ring::default_provider().install_default());
    let rig = Rig::new(options.quick, options.statements).await?;
    let mut report = Report::new(&rig).await?;
    for scenario in chosen {
        let runs = if options.quick { 1 } else { 3 };
        for turn in 1..=scenario.runs(runs) {
            note(format!("{} ({}), run {turn}", scenario.name, scenario.what));
            match catalog::run(scenario, &rig).await {
                Ok(figures) => report.add(scenario, figures),
                // One that cannot be measured is told and does not take the others with it.
                Err(error) => report.failed(scenario, &error),
            }
        }
        if !options.json {
            say(report.text_of(scenario));
        }
    }
    if options.json {
        say_json(&report.to_json());
    }
    if options.write {
        report.write("docs/performance.md", options.preliminary)?;
        note("docs/performance.md is written");
    }
    Ok(if report.has_failures() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
