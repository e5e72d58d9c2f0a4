//! `budstikke migrate`: brings the database to the current schema.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::app::build;
use crate::config::DatabaseKind;

use super::args::Global;
use super::context::{Failure, load, say, say_json};

/// Bring the database to the current schema.
#[derive(Debug, Args)]
pub struct Migrate {}

impl Migrate {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        let applied = match config.database.url.kind() {
            DatabaseKind::Postgres => {
                crate::adapters::postgres::migrate(config.database.url.expose())
                    .await
                    .map_err(anyhow::Error::from)?
            }
            DatabaseKind::Sqlite => {
                // Opening brings a SQLite file to the current schema.
                build::store(&config, build::clock(), build::Opening::Shared).await?;
                Vec::new()
            }
        };
        if global.json {
            say_json(&json!({"applied": applied}));
        } else if applied.is_empty() {
            say("the database is at the current schema");
        } else {
            say(format!("applied {}", applied.join(", ")));
        }
        Ok(ExitCode::SUCCESS)
    }
}
