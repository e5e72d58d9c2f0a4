//! A message, a clock that stands still, and one gateway of each kind.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::adapters::sms::json::{JsonGateway, JsonSettings};
use crate::adapters::sms::kannel::KannelGateway;
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::ids::{DeliveryId, JobNo};
use crate::domain::kinds::Channel;
use crate::domain::outcome::Outcome;
use crate::domain::phone::PhoneNumber;
use crate::domain::time::Timestamp;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::gateway::{Content, Gateway, Outbound};
use crate::ports::slot::Slot;

/// 2030-01-02T09:00:00Z, always.
#[derive(Debug)]
pub(super) struct StandingClock;

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_jiff("2030-01-02T09:00:00Z".parse().unwrap())
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(0)
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub(super) fn gateway(kind: GatewayKind, settings: &Settings) -> Arc<dyn Gateway> {
    match kind {
        GatewayKind::Json => Arc::new(
            JsonGateway::new(settings, JsonSettings::default(), Arc::new(StandingClock)).unwrap(),
        ),
        GatewayKind::Kannel => {
            Arc::new(KannelGateway::new(settings, Arc::new(StandingClock)).unwrap())
        }
    }
}

/// The message at `position` of job 1, with a text that does not survive a wrong character set.
pub(super) fn message(position: u16) -> Outbound {
    Outbound {
        delivery: DeliveryId::of(JobNo(1), position, 0, Channel::Sms),
        content: Content::Sms {
            to: PhoneNumber::parse("+4799999999").unwrap(),
            from: "OsloKommune".into(),
            text: TEXT.into(),
            parts: 1,
        },
    }
}

pub(super) const TEXT: &str = "Blåbær & søt mat på ØÆÅ, 100 % 👍 čáŋ+";

/// What a good answer looks like.
pub(super) const fn good_body(kind: GatewayKind) -> &'static str {
    match kind {
        GatewayKind::Json => r#"{"id":"m-1"}"#,
        GatewayKind::Kannel => "0: Accepted for delivery",
    }
}

/// A slot without a rate.
pub(super) fn any_time() -> Slot {
    Slot::unbounded(std::sync::Arc::new(crate::adapters::clock::SystemClock))
}

/// The one place where these tests hand a message over.
pub(super) async fn submit(
    gateway: &dyn Gateway,
    message: &Outbound,
    deadline: Duration,
) -> Outcome {
    gateway.submit(message, any_time(), deadline).await
}
