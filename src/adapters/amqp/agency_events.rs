//! An agency's side: reading its events queue, for `budstikke bench --amqp`.
//!
//! What is read is gone from the queue: only for an agency whose events nobody else waits for.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use lapin::options::BasicConsumeOptions;
use lapin::types::{FieldTable, ShortString};
use lapin::{Connection, Consumer};
use tokio::time::timeout;

use super::error::AmqpError;
use super::link::{Traffic, close, connect};
use super::names;
use super::settings::AmqpSettings;
use super::topology::explain;
use crate::domain::ids::AgencyId;

/// The most bodies handed over at once.
const GULP: usize = 1_000;

/// Reads an agency's events. A disturbance ends it; it does not come back by itself.
#[derive(Debug)]
pub struct AgencyEvents {
    connection: Connection,
    consumer: Consumer,
    settings: AmqpSettings,
}

impl AgencyEvents {
    /// Starts reading as the user of the URL. Events are taken from the queue without
    /// acknowledgement: what is on its way when this ends is gone.
    ///
    /// # Errors
    /// [`AmqpError`]: no broker, no such queue, or no permission to read it.
    pub async fn connect(settings: AmqpSettings, agency: &AgencyId) -> Result<Self, AmqpError> {
        let connection = connect(&settings, "bench", Traffic::Foreign(None)).await?;
        let queue = names::events_queue(agency);
        let refused = |error| explain(&settings, format!("queue {queue}"), error);
        let channel = connection.create_channel().await.map_err(refused)?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let consumer = channel
            .basic_consume(
                queue.as_str().into(),
                ShortString::default(),
                options,
                FieldTable::default(),
            )
            .await
            .map_err(refused)?;
        Ok(Self {
            connection,
            consumer,
            settings,
        })
    }

    /// What has arrived: at least one body, unless nothing comes within `limit`.
    ///
    /// # Errors
    /// The connection or the consumer ended.
    pub async fn next(&mut self, limit: Duration) -> Result<Vec<Vec<u8>>, AmqpError> {
        let Ok(first) = timeout(limit, self.consumer.next()).await else {
            return Ok(Vec::new());
        };
        let mut bodies = Vec::new();
        let mut item = first;
        loop {
            match item {
                Some(Ok(delivery)) => bodies.push(delivery.data),
                Some(Err(source)) => {
                    return Err(AmqpError::Unavailable {
                        address: self.settings.address(),
                        source,
                    });
                }
                None => {
                    return Err(AmqpError::Disturbed {
                        address: self.settings.address(),
                        what: "the broker ended the reading of events".to_owned(),
                    });
                }
            }
            if bodies.len() >= GULP {
                return Ok(bodies);
            }
            match self.consumer.next().now_or_never() {
                Some(next) => item = next,
                None => return Ok(bodies),
            }
        }
    }

    /// Says good-bye.
    pub async fn close(self) {
        close(&self.connection).await;
    }
}
