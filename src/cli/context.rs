//! What the commands share: loading the configuration, printing, exit codes.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::Value;

use crate::config::{Config, ConfigError};

use super::args::Global;

/// The configuration is wrong (`EX_USAGE`).
pub const EXIT_CONFIG: u8 = 64;

/// Why a command ends without having done it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code of the failure.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(EXIT_CONFIG),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

/// Loads the configuration from the files given and the environment.
///
/// # Errors
/// [`ConfigError`] with everything that is wrong.
pub fn load(global: &Global) -> Result<Config, ConfigError> {
    Config::load(&global.config, std::env::vars())
}

/// Prints a line for people.
pub fn say(line: impl AsRef<str>) {
    // A closed pipe ends the output, not the work.
    drop(writeln!(anstream::stdout(), "{}", line.as_ref()));
}

/// Prints a line about the command itself, so that it stays out of a pipe.
pub fn note(line: impl AsRef<str>) {
    drop(writeln!(anstream::stderr(), "{}", line.as_ref()));
}

/// Prints a JSON document.
pub fn say_json(value: &Value) {
    say(serde_json::to_string_pretty(value).unwrap_or_else(|_never| value.to_string()));
}

/// Whether a person watches the progress.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}
