//! `budstikke broker`: the broker's users and permissions to set up.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Args;

use crate::adapters::amqp::permissions::BrokerSetup;
use crate::app::build;

use super::args::Global;
use super::context::{Failure, load, say, say_json};

/// Print the broker's users and permissions to set up.
#[derive(Debug, Args)]
pub struct Broker {}

impl Broker {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        let Some(settings) = build::amqp_settings(&config)? else {
            return Err(Failure::Other(anyhow!(
                "there is no [amqp] in the configuration; add `[amqp]` with `url`"
            )));
        };
        let setup = BrokerSetup::new(
            settings.vhost(),
            settings.user(),
            &build::agency_routes(&config),
        );
        if global.json {
            say_json(&serde_json::to_value(&setup).map_err(anyhow::Error::from)?);
        } else {
            say(setup.to_text());
        }
        Ok(ExitCode::SUCCESS)
    }
}
