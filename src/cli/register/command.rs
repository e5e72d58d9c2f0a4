//! The command and its parts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{export, import, lookup};
use crate::cli::args::Global;
use crate::cli::context::Failure;

/// The local register: import, export, lookup.
#[derive(Debug, Args)]
pub struct Register {
    #[command(subcommand)]
    command: RegisterCommand,
}

#[derive(Debug, Subcommand)]
enum RegisterCommand {
    /// Put persons in: NDJSON with one KRR Person object a line, or CSV with the flat names.
    Import(Import),
    /// Write all persons out, as NDJSON or CSV.
    Export(Export),
    /// Show what the register says of a person, and what that means for the two classes.
    Lookup(Lookup),
}

/// What is imported, and how.
#[derive(Debug, Args)]
pub struct Import {
    /// NDJSON or CSV; `-` is the standard input.
    pub file: PathBuf,
    /// Stamp addresses that have no date as verified now; without a date they are too old for
    /// letters.
    #[arg(long)]
    pub verified_now: bool,
    /// Import the other rows although some are bad.
    #[arg(long)]
    pub skip_invalid: bool,
    /// The file holds residents (who lives where), not persons of the contact register.
    #[arg(long)]
    pub residents: bool,
}

/// How it is written.
#[derive(Debug, Args)]
pub struct Export {
    /// CSV with the flat names instead of NDJSON.
    #[arg(long)]
    pub csv: bool,
}

/// Who is looked up.
#[derive(Debug, Args)]
pub struct Lookup {
    /// The identity number, eleven digits; `-` reads it from the standard input, so that it does
    /// not stay in the shell's history.
    pub person: String,
}

impl Register {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        match &self.command {
            RegisterCommand::Import(import) => import::run(import, global).await,
            RegisterCommand::Export(export) => export::run(export, global).await,
            RegisterCommand::Lookup(lookup) => lookup::run(lookup, global).await,
        }
    }
}
