//! What is asked of RabbitMQ: an empty broker for each run, and how long a queue is.

use anyhow::Context as _;
use lapin::options::{
    ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};

use crate::rig::Rig;

/// The agency's jobs of lane normal.
pub(crate) const JOBS: &str = "budstikke.jobs.oslo.normal";
/// The agency's events.
pub(crate) const EVENTS: &str = "budstikke.events.oslo";

/// The administrator at the private broker.
#[derive(Debug)]
pub(crate) struct Broker {
    connection: Connection,
    channel: Channel,
    /// Its version.
    pub(crate) version: String,
}

impl Broker {
    /// Connects.
    pub(crate) async fn connect(rig: &Rig) -> anyhow::Result<Self> {
        let connection = Connection::connect(&rig.amqp, ConnectionProperties::default())
            .await
            .context("RabbitMQ")?;
        let channel = connection.create_channel().await?;
        let output = tokio::process::Command::new("sh")
            .args(["-c", "$TEST_RABBITMQCTL version"])
            .output()
            .await?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self {
            connection,
            channel,
            version,
        })
    }

    /// Takes away everything that a run left.
    pub(crate) async fn clear(&self) -> anyhow::Result<()> {
        for queue in [JOBS, "budstikke.jobs.oslo.urgent", EVENTS, "budstikke.dead"] {
            self.channel
                .queue_delete(queue.into(), QueueDeleteOptions::default())
                .await?;
        }
        for exchange in ["budstikke.jobs", "budstikke.events", "budstikke.dead"] {
            self.channel
                .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
                .await?;
        }
        Ok(())
    }

    /// How many messages of a queue nobody has fetched.
    pub(crate) async fn depth(&self, queue: &str) -> anyhow::Result<u32> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await?;
        Ok(queue.message_count())
    }

    /// Empties a queue.
    pub(crate) async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        self.channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await?;
        Ok(())
    }

    /// Says good-bye.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(self.connection.close(200, "OK".into()).await?)
    }
}
