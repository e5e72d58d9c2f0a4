//! A message, a relay and a server.

use std::time::Duration;

use crate::adapters::smtp::{RelaySettings, SmtpRelay, Timeouts};
use crate::domain::email::EmailAddress;
use crate::domain::ids::{DeliveryId, JobNo};
use crate::domain::kinds::Channel;
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::ports::gateway::{Content, Gateway, Outbound};
use crate::ports::slot::Slot;
use crate::sandbox::mail::{MailServer, Script};

/// Longer than anything here takes when all is well.
pub(super) const AMPLE: Duration = Duration::from_secs(20);

pub(super) fn email(position: u16, to: &str, subject: &str, text: &str) -> Outbound {
    Outbound {
        delivery: DeliveryId::of(JobNo(7), position, 0, Channel::Email),
        content: Content::Email {
            to: EmailAddress::parse(to).expect("an address"),
            from: "Oslo kommune <varsel@oslo.example>".to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: None,
            language: "nb",
            date: Timestamp(1_790_000_000_000_000),
        },
    }
}

pub(super) fn hello(position: u16) -> Outbound {
    email(position, &recipient(position), "Hei", "Hei på deg\n")
}

pub(super) fn recipient(position: u16) -> String {
    format!("r{position}@example.no")
}

/// Stages of 300 ms, so that a silent server is noticed soon.
pub(super) fn settings(server: &MailServer) -> RelaySettings {
    let soon = Duration::from_millis(300);
    RelaySettings {
        connections: 2,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            command: soon,
            final_dot: soon,
        },
        ..RelaySettings::new("relay", server.url())
    }
}

pub(super) async fn server(script: Script) -> MailServer {
    MailServer::start(script).await.expect("loopback")
}

pub(super) fn relay(settings: RelaySettings) -> SmtpRelay {
    SmtpRelay::new(settings).expect("settings")
}

/// A slot without a rate.
pub(super) fn any_time() -> Slot {
    Slot::unbounded(std::sync::Arc::new(crate::adapters::clock::SystemClock))
}

/// The one place where these tests hand a message over.
pub(super) async fn submit(relay: &SmtpRelay, message: &Outbound, deadline: Duration) -> Outcome {
    relay.submit(message, any_time(), deadline).await
}
