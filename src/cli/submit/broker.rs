//! Jobs over AMQP: as the agency's broker user, until the broker has confirmed them.

use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::check::Ready;
use crate::adapters::amqp::client::JobMessage;
use crate::adapters::amqp::{AmqpClient, AmqpSettings};
use crate::cli::progress;
use crate::domain::ids::AgencyId;

/// How long the broker has to let us in.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Publishes all jobs. The agency is the one given, else the one of the log-in's name.
///
/// # Errors
/// The broker cannot be used, or does not take them.
pub(super) async fn send(url: &str, agency: Option<&str>, jobs: &[Ready]) -> anyhow::Result<()> {
    let settings = AmqpSettings::parse(url, None, HEARTBEAT).context("--amqp")?;
    let named = agency.unwrap_or_else(|| settings.user());
    let agency = AgencyId::parse(named).map_err(|error| {
        anyhow!("\"{named}\" is no agency id: it {error}; --agency ID says which agency the broker user is of")
    })?;
    let client = AmqpClient::connect(settings, agency, CONNECT_LIMIT).await?;
    let messages: Vec<JobMessage> = jobs
        .iter()
        .map(|job| JobMessage {
            lane: job.lane,
            message_id: Some(job.name.as_str().to_owned()),
            body: job.body.clone(),
        })
        .collect();
    let bar = progress::bar(messages.len() as u64, "publishing");
    let sent = client
        .submit(&messages, |confirmed| bar.inc(confirmed as u64))
        .await;
    bar.finish_and_clear();
    client.close().await;
    Ok(sent?)
}
