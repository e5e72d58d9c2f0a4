//! The command and its parts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{export, import, lookup, serve};
use crate::cli::args::Global;
use crate::cli::context::Failure;

/// The local register: import, export, lookup, serve.
#[derive(Debug, Args)]
pub struct Register {
    #[command(subcommand)]
    command: RegisterCommand,
}

#[derive(Debug, Subcommand)]
enum RegisterCommand {
    /// Put persons in: NDJSON with one KRR Person object a line, or CSV with the flat names. With
    /// --residents: who lives where, CSV.
    Import(Import),
    /// Write all persons out, as NDJSON or CSV.
    Export(Export),
    /// Show what the register says of a person, and what that means for the two classes.
    Lookup(Lookup),
    /// Answer other installations as the Contact and Reservation Register does, from the table.
    Serve(Serve),
}

/// What is imported, and how.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line are independent of each other"
)]
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
    /// The file holds residents (who lives where), not persons of the contact register: CSV with
    /// person, municipality, street, number, letter, household, birth_year.
    #[arg(long, conflicts_with = "verified_now")]
    pub residents: bool,
    /// The file names every resident of the municipalities in it: who lives there according to an
    /// earlier import and is not in the file is removed.
    #[arg(long, requires = "residents", conflicts_with = "skip_invalid")]
    pub whole: bool,
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
    /// Why; it stands in the audit.
    #[arg(long, value_name = "TEXT", default_value = "looked up by hand")]
    pub purpose: String,
}

/// Where it is served.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port, instead of register.serve.listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
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
            RegisterCommand::Serve(serve) => serve::run(serve, global).await,
        }
    }
}
