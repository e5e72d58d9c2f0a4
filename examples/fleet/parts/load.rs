//! Publishing over the broker, with confirms, as an agency's own program would.

use std::time::Duration;

use anyhow::Context as _;
use budstikke::adapters::amqp::client::JobMessage;
use budstikke::adapters::amqp::{AmqpClient, AmqpSettings};
use budstikke::domain::ids::AgencyId;
use budstikke::domain::kinds::Lane;
use serde_json::Value;

use super::fleet::Fleet;

/// An agency that publishes.
#[derive(Debug)]
pub(crate) struct Load {
    client: AmqpClient,
}

impl Load {
    /// Connects as the agency's broker user.
    ///
    /// # Errors
    /// The fleet has no broker, or it lets the user not in.
    pub(crate) async fn connect(fleet: &Fleet, agency: &str) -> anyhow::Result<Self> {
        let broker = fleet.broker.as_ref().context("the fleet has no broker")?;
        let url = broker.url_of(agency)?;
        let settings = AmqpSettings::parse(&url, None, Duration::from_secs(10))?;
        let agency = AgencyId::parse(agency)?;
        let client = AmqpClient::connect(settings, agency, Duration::from_secs(20)).await?;
        Ok(Self { client })
    }

    /// Publishes jobs; all are confirmed on return. What was not confirmed is published again.
    ///
    /// # Errors
    /// The broker does not take them.
    pub(crate) async fn publish(&self, jobs: &[Value]) -> anyhow::Result<()> {
        let messages: Vec<JobMessage> = jobs
            .iter()
            .map(|job| JobMessage {
                lane: if job["lane"] == "urgent" {
                    Lane::Urgent
                } else {
                    Lane::Normal
                },
                message_id: job["job"].as_str().map(str::to_owned),
                body: job.to_string().into(),
            })
            .collect();
        Ok(self.client.submit(&messages, |_confirmed| {}).await?)
    }
}
