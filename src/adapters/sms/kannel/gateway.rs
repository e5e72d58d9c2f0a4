//! Talks to Kannel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderMap;

use super::classify::classify;
use super::wire::{self, Message};
use crate::adapters::sms::http::client::{Call, HttpClient};
use crate::adapters::sms::http::setup::{BasicAuth, BuildError};
use crate::adapters::sms::settings::{Auth, Settings};
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::ports::clock::Clock;
use crate::ports::gateway::{Content, Gateway, Outbound};
use crate::ports::slot::Slot;

/// A Kannel, or what imitates one. [`Auth::Basic`] becomes `username` and `password`.
pub struct KannelGateway {
    http: HttpClient,
    auth: Auth,
    report_url: Option<String>,
}

impl fmt::Debug for KannelGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KannelGateway({:?})", self.http)
    }
}

impl KannelGateway {
    /// Sets the gateway up; connects to nobody. Without a `report_url` no reports are asked for, and
    /// an unknown try cannot be settled by one.
    ///
    /// # Errors
    /// [`BuildError`] names the setting that cannot be used.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        Ok(Self {
            http: HttpClient::new(settings, BasicAuth::InParameters, clock)?,
            auth: settings.auth.clone(),
            report_url: settings.report_url.clone(),
        })
    }
}

#[async_trait]
impl Gateway for KannelGateway {
    async fn submit(&self, message: &Outbound, slot: Slot, deadline: Duration) -> Outcome {
        let Content::Sms { to, from, text, .. } = &message.content else {
            debug_assert!(false, "only SMS are handed to an SMS gateway");
            return Outcome::NotSent(Fault::Permanent {
                reason: Reason::InvalidAddress,
            });
        };
        let message = Message {
            to: to.expose(),
            from,
            text,
            reference: &message.delivery.client_reference(),
            report_url: self.report_url.as_deref(),
        };
        let call = Call {
            method: Method::GET,
            url: wire::encode(self.http.url(), &self.auth, &message),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        classify(&self.http.exchange(call, slot, deadline).await)
    }

    /// With our credentials and without a receiver: nothing that could be sent.
    async fn probe(&self, deadline: Duration) -> Result<String, String> {
        let url = wire::account(self.http.url(), &self.auth);
        self.http.probe(Method::HEAD, url, deadline).await
    }

    fn concurrency(&self) -> usize {
        self.http.concurrency()
    }

    fn lead(&self) -> Duration {
        self.http.lead()
    }
}
