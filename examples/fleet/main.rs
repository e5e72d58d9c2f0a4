//! A harness with real processes: several `budstikke serve` on one database and broker, the outside
//! world inside this program, and statements about the whole fleet that are measured.
//!
//! Started by `scripts/fleet-check`, which brings the servers. The parts in `parts` are for every
//! subcommand.

mod chaos;
mod check;
mod parts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use parts::env::Env;
use parts::say::note;

/// Measures what a fleet of worker processes promises.
#[derive(Debug, Parser)]
struct Arguments {
    /// The built `budstikke`; else the one beside this program's folder.
    #[arg(long, global = true, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Keep configurations, logs and the record of what arrived.
    #[arg(long, global = true)]
    keep: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One scenario per statement; a table at the end; 1 if one does not hold.
    Check(check::Check),
    /// Faults, and the promises afterwards; 1 if one was not kept.
    Chaos(chaos::Chaos),
}

/// The exit code of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Nobody else in this process installs one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let lists = match &arguments.command {
        Command::Check(check) => check.only_lists(),
        Command::Chaos(chaos) => chaos.only_lists(),
    };
    if lists {
        return ExitCode::SUCCESS;
    }
    let run = async {
        let env = Arc::new(Env::new(arguments.binary.as_deref(), arguments.keep)?);
        match &arguments.command {
            Command::Check(check) => check.run(&env).await,
            Command::Chaos(chaos) => chaos.run(&env).await,
        }
    };
    // Whatever was started is owned by the future, and ends when it is dropped.
    tokio::select! {
        done = run => match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                note(format!("error: {error:#}"));
                ExitCode::from(2)
            }
        },
        () = budstikke::app::process::asked_to_stop() => {
            note("Interrupted.");
            ExitCode::from(INTERRUPTED)
        }
    }
}
