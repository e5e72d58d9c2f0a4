//! A gateway of each kind towards the sandbox, and messages.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::adapters::sms::json::{JsonGateway, JsonSettings};
use crate::adapters::sms::kannel::KannelGateway;
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::ids::{DeliveryId, JobNo};
use crate::domain::kinds::Channel;
use crate::domain::phone::PhoneNumber;
use crate::domain::time::Timestamp;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::gateway::{Content, Gateway, Outbound};
use crate::ports::slot::Slot;
use crate::sandbox::sms::{Knobs, SmsServer};

pub(super) const PATIENT: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct StandingClock;

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(0)
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub(super) async fn start(knobs: Knobs) -> SmsServer {
    SmsServer::start(knobs).await.unwrap()
}

/// With an address for reports, so that Kannel gets our reference, too.
pub(super) fn gateway(
    kind: GatewayKind,
    server: &SmsServer,
    report_url: Option<&str>,
) -> Arc<dyn Gateway> {
    let mut settings = Settings::new("sandbox", server.url(kind));
    settings.report_url = Some(
        report_url
            .unwrap_or("http://127.0.0.1:1/v1/receipts/sandbox")
            .into(),
    );
    let clock = Arc::new(StandingClock);
    match kind {
        GatewayKind::Json => {
            Arc::new(JsonGateway::new(&settings, JsonSettings::default(), clock).unwrap())
        }
        GatewayKind::Kannel => Arc::new(KannelGateway::new(&settings, clock).unwrap()),
    }
}

pub(super) fn message(position: u16) -> Outbound {
    texted(position, &format!("Hei {position}"))
}

pub(super) fn texted(position: u16, text: &str) -> Outbound {
    Outbound {
        delivery: DeliveryId::of(JobNo(1), position, 0, Channel::Sms),
        content: Content::Sms {
            to: PhoneNumber::parse(&number(position)).unwrap(),
            from: "OsloKommune".into(),
            text: text.into(),
            parts: 1,
        },
    }
}

pub(super) fn number(position: u16) -> String {
    format!("+479{:07}", 9_000_000 + u32::from(position))
}

/// A slot without a rate.
pub(super) fn any_time() -> Slot {
    Slot::unbounded(std::sync::Arc::new(crate::adapters::clock::SystemClock))
}
