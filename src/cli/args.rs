//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// budstikke: tells people that a letter has come, that their appointment is tomorrow, that the
/// plough is on its way.
#[derive(Debug, Parser)]
#[command(
    name = "budstikke",
    version,
    about,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// A configuration file (TOML); may be given several times, later ones win.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole main job on this machine, with nothing installed.
    Demo(super::demo::Demo),
    /// Run the worker: intake, HTTP API, dispatch, events.
    Serve(super::serve::Serve),
    /// Stop an agency's traffic, or everybody's: no first byte later than two seconds after.
    Stop(super::stop::Traffic),
    /// Let stopped traffic go on.
    Resume(super::stop::Traffic),
    /// Load the configuration, print it with secrets masked, and try every outside party.
    Check(super::check::Check),
    /// Bring the database to the current schema.
    Migrate(super::migrate::Migrate),
    /// Print the broker's users and permissions to set up.
    Broker(super::broker::Broker),
    /// Agencies and their API keys.
    Agency(super::agency::Agency),
    /// Enqueue jobs from JSON, NDJSON, or CSV with a template.
    Submit(super::submit::Submit),
    /// Show one job: totals, and the first recipients that were not told; without a job the gateways.
    Status(super::status::Status),
    /// Show live what a worker of the fleet does.
    Watch(super::watch::Watch),
    /// The local register: import, export, lookup, serve.
    Register(super::register::Register),
    /// Who looked up whom in the register, and why.
    Audit(super::audit::Audit),
    /// The agencies' own opt-out lists.
    #[command(name = "optout")]
    OptOut(super::optout::OptOut),
    /// Dead letters: messages that were refused or given up.
    Dead(super::dead::Dead),
    /// Run a fake SMS gateway and a fake mail server with knobs for faults.
    Sandbox(super::sandbox::Sandbox),
    /// Put load on an installation and measure rates, latencies, CPU time and memory.
    Bench(super::bench::Bench),
}
