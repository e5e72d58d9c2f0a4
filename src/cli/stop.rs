//! `budstikke stop AGENCY|--all` and `resume`: no first byte later than two seconds after it is
//! confirmed, until traffic is resumed.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use crate::app::{agencies, build};
use crate::domain::ids::AgencyId;

use super::args::Global;
use super::context::{Failure, load, say, say_json};

/// Whose traffic.
#[derive(Debug, Args)]
pub struct Traffic {
    /// The agency's id in the configuration.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    agency: Option<String>,
    /// Everybody's.
    #[arg(long)]
    all: bool,
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing leaves.
    Stop,
    /// It leaves again.
    Resume,
}

impl Traffic {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global, turn: Turn) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        let clock = build::clock();
        let store = build::store(&config, clock.clone(), build::Opening::Shared).await?;
        let directory = agencies::directory(&config, store.as_ref()).await?;
        let no = match &self.agency {
            None => None,
            Some(id) => {
                let agency = AgencyId::parse(id)
                    .ok()
                    .and_then(|id| directory.by_id(&id).cloned());
                let known = config
                    .agency
                    .iter()
                    .map(|a| a.id.as_str())
                    .collect::<Vec<_>>();
                let agency = agency.ok_or_else(|| {
                    anyhow!(
                        "no agency \"{id}\" is configured; there are: {}",
                        known.join(", ")
                    )
                })?;
                Some(agency.no)
            }
        };
        let at = (turn == Turn::Stop).then(|| clock.now());
        store
            .set_stopped(no, at)
            .await
            .map_err(anyhow::Error::from)?;
        let whose = self.agency.as_deref().unwrap_or("everybody");
        let stopped = turn == Turn::Stop;
        if global.json {
            say_json(&json!({"agency": self.agency, "all": self.all, "stopped": stopped}));
        } else if stopped {
            say(format!(
                "stopped: no message of {whose} leaves any more; what was already on the wire is reported. `budstikke resume` lets it go on"
            ));
        } else {
            say(format!("resumed: the messages of {whose} leave again"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
