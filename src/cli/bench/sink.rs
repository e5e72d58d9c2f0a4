//! The sandbox gateway and mail server in the bench's own process, to time the moment at which a
//! message was taken over.

use std::net::SocketAddr;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::book::{Book, histogram, micros};
use super::make::serial_of;
use crate::adapters::sms::GatewayKind;
use crate::sandbox::mail::{MailServer, Script};
use crate::sandbox::sms::{Knobs, SmsServer};

/// Both servers.
#[derive(Debug)]
pub struct Sink {
    sms: SmsServer,
    mail: MailServer,
}

/// What the sink took of a run.
#[derive(Debug)]
pub struct TakenOver {
    /// Messages of this run, by SMS and by e-mail; a second copy counts again.
    pub sms: u64,
    /// The same for e-mails.
    pub email: u64,
    /// From publishing the job to the gateway's or mail server's taking the message over, in
    /// microseconds.
    pub latency: Histogram<u64>,
}

impl Sink {
    /// Starts both.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn start(sms: SocketAddr, smtp: SocketAddr) -> anyhow::Result<Self> {
        let gateway = SmsServer::start_on(sms, Knobs::default()).await;
        let mail = MailServer::start_at(smtp, Script::default()).await;
        Ok(Self {
            sms: gateway.with_context(|| {
                format!("--sms-sink {sms}: cannot listen there; is a sandbox running?")
            })?,
            mail: mail.with_context(|| {
                format!("--smtp-sink {smtp}: cannot listen there; is a sandbox running?")
            })?,
        })
    }

    /// Where both are, for the installation's configuration.
    pub fn addresses(&self) -> (String, String) {
        (self.sms.url(GatewayKind::Json), self.mail.url())
    }

    /// What was taken of the run.
    ///
    /// # Errors
    /// Never in practice; see [`histogram`].
    pub fn taken_over(&self, book: &Book) -> anyhow::Result<TakenOver> {
        let mut latency = histogram()?;
        let recipients = book.recipe().recipients as u64;
        let mut note = |address: &str, at: std::time::Instant| {
            let job =
                serial_of(address).and_then(|serial| usize::try_from(serial / recipients).ok());
            let Some(left) = job.and_then(|job| book.left_at(job)) else {
                return 0;
            };
            latency.saturating_record(micros(at.saturating_duration_since(left)));
            1
        };
        let mut taken = (0, 0);
        for message in self.sms.inbox().snapshot() {
            taken.0 += note(&message.to, message.at);
        }
        for mail in self.mail.mailbox().snapshot() {
            let to = mail.recipients.first().map_or("", String::as_str);
            taken.1 += note(to, mail.at);
        }
        Ok(TakenOver {
            sms: taken.0,
            email: taken.1,
            latency,
        })
    }
}

impl TakenOver {
    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({"sms": self.sms, "email": self.email})
    }
}
