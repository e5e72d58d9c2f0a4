//! `budstikke serve`: the worker.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::app::lifecycle::{Ended, Roles};
use crate::app::process::{self, Process};
use crate::config::log::LogFormat;
use crate::telemetry::logging::{self, Format};

use super::args::Global;
use super::context::{EXIT_CONFIG, Failure, load, note};

/// Run the worker: intake, HTTP API, dispatch, events.
#[derive(Debug, Args)]
pub struct Serve {
    /// Run only these parts: api, page, intake, dispatch, publish, housekeeping (comma-separated).
    #[arg(long, value_name = "LIST", default_value = "all")]
    roles: String,
    /// Bring a PostgreSQL database to the current schema first (SQLite always is).
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    /// Runs the command until a signal asks for the end.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        let roles = match Roles::parse(&self.roles) {
            Ok(roles) => roles,
            Err(word) => {
                note(format!(
                    "error: --roles: \"{word}\" is no role; use api, page, intake, dispatch, publish, housekeeping or all"
                ));
                return Ok(ExitCode::from(EXIT_CONFIG));
            }
        };
        let format = match config.log.format {
            LogFormat::Text => Format::text(),
            LogFormat::Json => Format::Json,
        };
        logging::init(format, config.log.filter.as_str()).context("cannot start the log")?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        if self.migrate {
            process::migrate(&config)
                .await
                .context("cannot migrate the database")?;
        }
        let drain = config.dispatch.drain;
        let mut process = Process::start(&config, roles).await?;
        let why = tokio::select! {
            () = process::asked_to_stop() => None,
            why = process.broken() => Some(why),
        };
        if let Some(why) = &why {
            tracing::error!(reason = %why, "a part of the worker ended by itself; stopping");
        } else {
            tracing::info!("asked to stop: finishing what is on the wire");
        }
        let hurry = process::second_signal();
        let ended = process.stop(drain, hurry).await;
        match (why, ended) {
            (Some(_), _) | (None, Ended::Broken) => Ok(ExitCode::FAILURE),
            (None, Ended::Clean) => {
                tracing::info!("stopped");
                Ok(ExitCode::SUCCESS)
            }
            (None, Ended::Cut) => {
                tracing::warn!(
                    "stopped before everything was finished; what was on the wire is unknown and will be reconciled"
                );
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
