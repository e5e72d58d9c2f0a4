//! From the command line to the command, and from its end to the exit code.

use std::process::ExitCode;

use clap::Parser as _;

use super::args::{Cli, Command};
use super::context::{Failure, note};
use super::stop::Turn;

/// Parses and runs.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            // clap's own convention: help and version are no errors, the rest is usage (2).
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            note(format!("error: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(failure) => {
            match &failure {
                Failure::Config(error) => note(format!("error: {error}")),
                Failure::Other(error) => note(format!("error: {error:#}")),
            }
            failure.exit_code()
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Demo(command) => command.run(&global).await,
        Command::Serve(command) => command.run(&global).await,
        Command::Stop(command) => command.run(&global, Turn::Stop).await,
        Command::Resume(command) => command.run(&global, Turn::Resume).await,
        Command::Check(command) => command.run(&global).await,
        Command::Migrate(command) => command.run(&global).await,
        Command::Broker(command) => command.run(&global),
        Command::Agency(command) => command.run(&global).await,
        Command::Submit(command) => command.run(&global).await,
        Command::Status(command) => command.run(&global).await,
        Command::Watch(command) => command.run(&global).await,
        Command::Register(command) => command.run(&global).await,
        Command::Audit(command) => command.run(&global).await,
        Command::OptOut(command) => command.run(&global).await,
        Command::Dead(command) => command.run(&global).await,
        Command::Sandbox(command) => command.run(&global).await,
        Command::Bench(command) => command.run(&global).await,
    }
}
