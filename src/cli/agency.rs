//! `budstikke agency key AGENCY`: creates an API key, shown once.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::adapters::entropy::SystemEntropy;
use crate::app::{agencies, build};
use crate::domain::ids::AgencyId;
use crate::ports::entropy::Entropy as _;

use super::args::Global;
use super::context::{Failure, load, note, say, say_json};

/// Agencies and their API keys.
#[derive(Debug, Args)]
pub struct Agency {
    #[command(subcommand)]
    command: AgencyCommand,
}

#[derive(Debug, Subcommand)]
enum AgencyCommand {
    /// Create an API key of an agency. It is shown once and stored only as a hash.
    Key {
        /// The agency's id in the configuration.
        agency: String,
    },
}

impl Agency {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let AgencyCommand::Key { agency } = &self.command;
        let config = load(global)?;
        let known = config
            .agency
            .iter()
            .map(|a| a.id.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let id = AgencyId::parse(agency)
            .ok()
            .filter(|id| config.agency.iter().any(|a| a.id == *id))
            .ok_or_else(|| anyhow!("no agency \"{agency}\" is configured; there are: {known}"))?;
        let clock = build::clock();
        let store = build::store(&config, clock.clone(), build::Opening::Shared).await?;
        let directory = agencies::directory(&config, store.as_ref()).await?;
        let no = directory
            .by_id(&id)
            .ok_or_else(|| anyhow!("no agency \"{id}\""))?
            .no;
        let key = format!("bs_{}", hex::encode(SystemEntropy.bytes()));
        let hash = Sha256::digest(key.as_bytes()).into();
        store
            .add_key(no, hash, clock.now())
            .await
            .map_err(anyhow::Error::from)?;
        if global.json {
            say_json(&json!({"agency": id, "key": key}));
        } else {
            say(&key);
            note(format!(
                "This key of {id} is shown only now; it goes into `Authorization: Bearer …`."
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
