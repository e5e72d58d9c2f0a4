//! Talks to a gateway of kind `json`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::classify::classify;
use super::settings::{HttpMethod, JsonSettings};
use super::wire::{self, Message};
use crate::adapters::sms::http::client::{Call, HttpClient};
use crate::adapters::sms::http::setup::{BasicAuth, BuildError};
use crate::adapters::sms::settings::Settings;
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::ports::clock::Clock;
use crate::ports::gateway::{Content, Gateway, Outbound};
use crate::ports::slot::Slot;

/// A gateway that takes one JSON object per message.
pub struct JsonGateway {
    http: HttpClient,
    settings: JsonSettings,
    method: Method,
    idempotency: Option<HeaderName>,
    report_url: Option<String>,
}

impl fmt::Debug for JsonGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonGateway({:?})", self.http)
    }
}

impl JsonGateway {
    /// Sets the gateway up; connects to nobody.
    ///
    /// # Errors
    /// [`BuildError`] names the setting that cannot be used.
    pub fn new(
        common: &Settings,
        settings: JsonSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let setting = |problem: String| BuildError::Setting {
            gateway: common.name.clone(),
            problem,
        };
        if let Some(code) = settings.statuses.misplaced() {
            return Err(setting(format!(
                "status {code} stands in two lists or is no status of an answer; each of 200 to 599 goes into one list"
            )));
        }
        let idempotency = settings
            .idempotency_header
            .as_ref()
            .map(|name| HeaderName::from_bytes(name.as_bytes()))
            .transpose()
            .map_err(|_invalid| {
                setting("idempotency_header is no name of an HTTP header".into())
            })?;
        Ok(Self {
            http: HttpClient::new(common, BasicAuth::InHeader, clock)?,
            method: match settings.method {
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
            },
            idempotency,
            report_url: common.report_url.clone(),
            settings,
        })
    }
}

#[async_trait]
impl Gateway for JsonGateway {
    async fn submit(&self, message: &Outbound, slot: Slot, deadline: Duration) -> Outcome {
        let Content::Sms { to, from, text, .. } = &message.content else {
            return wrong_channel();
        };
        let reference = message.delivery.client_reference();
        let wire = Message {
            to: to.expose(),
            from,
            text,
            reference: &reference,
            report_url: self.report_url.as_deref(),
        };
        let Ok(body) = wire::encode(&wire, &self.settings) else {
            return wrong_channel();
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let (Some(name), Ok(value)) = (&self.idempotency, HeaderValue::from_str(&reference)) {
            headers.insert(name, value);
        }
        let call = Call {
            method: self.method.clone(),
            url: self.http.url(),
            headers,
            body,
        };
        classify(
            &self.http.exchange(call, slot, deadline).await,
            &self.settings,
        )
    }

    async fn probe(&self, deadline: Duration) -> Result<String, String> {
        let url = self.http.url();
        self.http.probe(Method::OPTIONS, url, deadline).await
    }

    fn concurrency(&self) -> usize {
        self.http.concurrency()
    }

    fn lead(&self) -> Duration {
        self.http.lead()
    }
}

/// An e-mail can never go through an SMS gateway; nothing was sent.
fn wrong_channel() -> Outcome {
    debug_assert!(false, "only SMS are handed to an SMS gateway");
    Outcome::NotSent(Fault::Permanent {
        reason: Reason::InvalidAddress,
    })
}
