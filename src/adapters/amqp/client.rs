//! An agency's side: publishing jobs as its broker user, for `budstikke submit --amqp`.
//!
//! Progress is followed over HTTP: whoever consumed the agency's events queue would steal its
//! events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;

use super::error::AmqpError;
use super::events::PERSISTENT;
use super::names;
use super::publisher::{Message, Publisher, Receipt};
use super::settings::AmqpSettings;
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Lane;

/// Messages published before their confirms are awaited.
const WINDOW: usize = 500;
/// How often what was not confirmed is published again: the same job twice is one job.
const ATTEMPTS: u32 = 5;

/// Why jobs could not be handed in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The broker cannot be used.
    #[error("the broker cannot be used")]
    Broker(#[source] Arc<AmqpError>),
    /// No queue takes the agency's jobs.
    #[error(
        "no queue for agency {agency}: is it configured, with this broker and virtual host, \
         and has `budstikke serve` been started?"
    )]
    NoQueue {
        /// The agency.
        agency: AgencyId,
    },
    /// The queue takes no more for now.
    #[error(
        "the queue of agency {agency} is full: wait until budstikke has caught up, then submit again"
    )]
    Full {
        /// The agency.
        agency: AgencyId,
    },
    /// The broker forbids it.
    #[error(
        "the broker forbids user {user} to publish jobs of agency {agency} ({reply}); \
         `budstikke broker` prints the permissions"
    )]
    Forbidden {
        /// The log-in.
        user: String,
        /// The agency.
        agency: AgencyId,
        /// What the broker said.
        reply: String,
    },
    /// Some were never confirmed.
    #[error(
        "{0} messages were not confirmed: they may or may not have arrived; submit the same file again, \
         a job that has arrived is not sent twice"
    )]
    Unconfirmed(usize),
}

/// A job to publish.
#[derive(Clone)]
pub struct JobMessage {
    /// Which queue; `bulk` goes to the normal one and must be said in the body, too.
    pub lane: Lane,
    /// For the broker's tools; at most 255 bytes are kept. The job's name is a good one.
    pub message_id: Option<String>,
    /// The JSON of contract section 2.
    pub body: Bytes,
}

/// Without the body: persons are in it.
impl std::fmt::Debug for JobMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JobMessage({}, {} bytes)", self.lane, self.body.len())
    }
}

/// Publishes jobs of one agency.
#[derive(Debug)]
pub struct AmqpClient {
    publisher: Publisher,
    agency: AgencyId,
    limit: Duration,
}

impl AmqpClient {
    /// Connects as the user of the URL; gives up after `limit`.
    ///
    /// # Errors
    /// [`SubmitError::Broker`].
    pub async fn connect(
        settings: AmqpSettings,
        agency: AgencyId,
        limit: Duration,
    ) -> Result<Self, SubmitError> {
        let publisher = Publisher::start(settings, None);
        publisher.ready(limit).await.map_err(SubmitError::Broker)?;
        Ok(Self {
            publisher,
            agency,
            limit,
        })
    }

    /// Publishes all, in order and in windows; `confirmed` is told after each window how many more
    /// are safe with the broker. What a disturbance left unconfirmed is published again.
    ///
    /// # Errors
    /// [`SubmitError`]; what was confirmed before stays so.
    pub async fn submit(
        &self,
        jobs: &[JobMessage],
        mut confirmed: impl FnMut(usize) + Send,
    ) -> Result<(), SubmitError> {
        for window in jobs.chunks(WINDOW) {
            let messages = window.iter().map(|job| self.message(job)).collect();
            self.window(messages).await?;
            confirmed(window.len());
        }
        Ok(())
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.publisher.close().await;
    }

    async fn window(&self, mut messages: Vec<Message>) -> Result<(), SubmitError> {
        for _ in 0..ATTEMPTS {
            self.publisher
                .ready(self.limit)
                .await
                .map_err(SubmitError::Broker)?;
            let receipts = self.publisher.publish(&messages).await;
            let mut unknown = Vec::new();
            for (message, receipt) in messages.into_iter().zip(receipts) {
                match receipt {
                    Receipt::Confirmed => {}
                    Receipt::Unknown => unknown.push(message),
                    Receipt::Unroutable => {
                        return Err(SubmitError::NoQueue {
                            agency: self.agency.clone(),
                        });
                    }
                    Receipt::Full => {
                        return Err(SubmitError::Full {
                            agency: self.agency.clone(),
                        });
                    }
                    Receipt::Refused(reply) => {
                        return Err(SubmitError::Forbidden {
                            user: self.publisher.settings().user().to_owned(),
                            agency: self.agency.clone(),
                            reply,
                        });
                    }
                }
            }
            if unknown.is_empty() {
                return Ok(());
            }
            messages = unknown;
        }
        Err(SubmitError::Unconfirmed(messages.len()))
    }

    fn message(&self, job: &JobMessage) -> Message {
        let user = self.publisher.settings().user();
        let mut properties = BasicProperties::default()
            .with_content_type(names::JSON.into())
            .with_delivery_mode(PERSISTENT)
            .with_type("job".into())
            // At most 255 bytes: the settings refuse more.
            .with_user_id(ShortString::try_new(user).unwrap_or_default());
        let id = job.message_id.clone().map(ShortString::try_new);
        if let Some(Ok(id)) = id {
            properties = properties.with_message_id(id);
        }
        Message {
            exchange: names::JOBS_EXCHANGE,
            routing_key: names::job_key(&self.agency, job.lane),
            properties,
            body: job.body.clone(),
        }
    }
}
