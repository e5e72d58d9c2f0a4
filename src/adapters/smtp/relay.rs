//! An e-mail relay as a gateway.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::extension::ClientId;
use tokio::time::Instant;

use super::classify::{Answer, classify};
use super::dial::TlsMaker;
use super::frame::Frames;
use super::message::{LetterError, write_letter};
use super::pace::Pace;
use super::pool::Pool;
use super::relay_url::{RelayUrl, Tls};
use super::session::{Dispatch, Failure, Target};
use super::settings::{RelayError, RelaySettings};
use super::wire::{Commands, with_dots};
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::ports::gateway::{Gateway, Outbound};
use crate::ports::slot::Slot;

/// How long a probe waits for the other side's goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// An e-mail relay.
#[derive(Debug)]
pub struct SmtpRelay {
    name: String,
    target: Arc<Target>,
    pool: Pool,
    connections: usize,
    frames: Frames,
}

impl SmtpRelay {
    /// Sets the relay up; nothing is connected before the first message or probe.
    ///
    /// # Errors
    /// [`RelayError`], which says what to write instead.
    pub fn new(settings: RelaySettings) -> Result<Self, RelayError> {
        let RelaySettings {
            name,
            url,
            credentials,
            connections,
            hello,
            timeouts,
            recycle,
            pipelining,
            extra_roots,
        } = settings;
        let url = match RelayUrl::parse(&url) {
            Ok(url) => url,
            Err(source) => return Err(RelayError::Url { name, source }),
        };
        if connections == 0 {
            return Err(RelayError::Connections { name });
        }
        let hello = hello.unwrap_or_else(|| ClientId::default().to_string());
        if hello.is_empty() || !hello.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RelayError::Hello { name });
        }
        let tls = TlsMaker::new(extra_roots);
        match url.tls() {
            Tls::Off | Tls::WhenOffered => {}
            Tls::Required | Tls::FromTheStart => {
                if let Err(source) = tls.config() {
                    return Err(RelayError::Tls { name, source });
                }
            }
        }
        let target = Arc::new(Target {
            url,
            credentials,
            hello,
            timeouts,
            recycle,
            pipelining,
            tls,
            pace: Pace::default(),
        });
        Ok(Self {
            name,
            pool: Pool::new(Arc::clone(&target), connections),
            target,
            connections,
            frames: Frames::default(),
        })
    }

    fn prepare(&self, message: &Outbound) -> Result<Dispatch, LetterError> {
        let letter = write_letter(message, &self.frames)?;
        Ok(Dispatch {
            commands: Commands::new(&letter.sender, &letter.recipient),
            body: with_dots(&letter.bytes).map_err(|_bare| LetterError::Build)?,
        })
    }

    async fn dispatch(&self, dispatch: &Dispatch, slot: Slot, until: Instant) -> Outcome {
        let Some(place) = self.pool.slot(until).await else {
            tracing::warn!(
                relay.name = %self.name,
                "no connection of relay {} was free in time",
                self.name
            );
            return Outcome::NotSent(Fault::Channel { retry_after: None });
        };
        let mut connection = match place.connection(until).await {
            Ok(connection) => connection,
            Err(failure) => return self.outcome(&failure),
        };
        let sent = connection.send(dispatch, slot, until).await;
        place.give_back(connection);
        match sent {
            Ok(reply) => Outcome::Accepted {
                provider_reference: reply.queue_id(),
            },
            Err(failure) => self.outcome(&failure),
        }
    }

    fn outcome(&self, failure: &Failure) -> Outcome {
        let Failure { stage, answer } = failure;
        let outcome = classify(*stage, answer);
        let (name, meaning) = (&self.name, outcome.as_str());
        match &outcome {
            Outcome::NotSent(Fault::Channel { .. }) => tracing::warn!(
                relay.name = %name, stage = stage.as_str(), ?answer, outcome = meaning,
                "relay {name} cannot be used: at {} it answered {answer:?}", stage.as_str()
            ),
            Outcome::Accepted { .. }
            | Outcome::NotSent(Fault::Transient { .. } | Fault::Permanent { .. } | Fault::Late)
            | Outcome::Unknown => tracing::debug!(
                relay.name = %name, stage = stage.as_str(), ?answer, outcome = meaning,
                "relay {name} did not take a message: at {} it answered {answer:?}", stage.as_str()
            ),
        }
        outcome
    }
}

/// A message that no relay could ever be given.
const fn unsendable(error: LetterError) -> Outcome {
    let reason = match error {
        LetterError::Recipient => Reason::InvalidAddress,
        LetterError::NotEmail | LetterError::Sender | LetterError::Subject | LetterError::Build => {
            Reason::Invalid
        }
    };
    Outcome::NotSent(Fault::Permanent { reason })
}

#[async_trait]
impl Gateway for SmtpRelay {
    async fn submit(&self, message: &Outbound, slot: Slot, deadline: Duration) -> Outcome {
        let until = Instant::now() + deadline;
        match self.prepare(message) {
            Ok(dispatch) => self.dispatch(&dispatch, slot, until).await,
            Err(error) => {
                tracing::warn!(
                    relay.name = %self.name,
                    delivery.id = %message.delivery,
                    error = &error as &dyn std::error::Error,
                    "delivery {} cannot be sent as an e-mail",
                    message.delivery
                );
                unsendable(error)
            }
        }
    }

    async fn probe(&self, deadline: Duration) -> Result<String, String> {
        let until = Instant::now() + deadline;
        let url = &self.target.url;
        let Some(slot) = self.pool.slot(until).await else {
            return Err(format!(
                "all {} connections to {url} are busy",
                self.connections
            ));
        };
        match slot.new_connection(until).await {
            Ok(connection) => {
                let line = if connection.is_encrypted() {
                    "TLS"
                } else {
                    "no TLS"
                };
                let login = match self.target.credentials {
                    Some(_) => "logged in",
                    None => "no log-in",
                };
                let pace = if connection.offers.pipelining {
                    "pipelining"
                } else {
                    "no pipelining"
                };
                connection.quit(GOODBYE).await;
                Ok(format!("{url} lets us in ({line}, {login}, {pace})"))
            }
            Err(failure) => Err(explain(url, &failure)),
        }
    }

    fn concurrency(&self) -> usize {
        self.connections
    }

    fn lead(&self) -> Duration {
        let pace = &self.target.pace;
        if self.pool.is_open() {
            pace.of_dialogue()
        } else {
            pace.with_opening()
        }
    }
}

/// For an operator. Replies before MAIL FROM name no recipients.
fn explain(url: &RelayUrl, failure: &Failure) -> String {
    let at = failure.stage.as_str();
    match &failure.answer {
        Answer::Reply(reply) => {
            let text: String = reply
                .lines()
                .join(" ")
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            format!("{url} refused at {at}: {} {text}", reply.code())
        }
        Answer::Closed => format!("{url} closed the connection at {at}"),
        Answer::TimedOut => format!("{url} did not answer in time at {at}"),
        Answer::Unreadable => format!("{url} does not speak SMTP (at {at}); check host and port"),
        Answer::Unreachable => {
            format!("{url} cannot be reached; check host and port, and that the relay runs")
        }
        Answer::NoSuchHost => format!("the host of {url} is not known; check its name"),
        Answer::TlsFailed => format!(
            "{url} could not be trusted with {at}: the TLS handshake failed, or there was none and \
             a password would have been sent openly; write tls=required, or tls=off for a relay on \
             this machine"
        ),
        Answer::Late => format!("{url} was too slow for the slot at {at}"),
        Answer::NotOffered => format!(
            "{url} does not offer {at}, which the settings ask for; check tls, user and password"
        ),
    }
}
