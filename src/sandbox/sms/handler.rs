//! What the gateway does with one request.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::dice::{Throw, unit, within};
use super::fault::Fault;
use super::inbox::{Inbox, Taken};
use super::knobs::{Knobs, Repeats};
use super::reports::Reporter;
use super::wire::{self, Arrival, JsonMessage, KannelMessage};
use crate::sandbox::connection::Grip;

/// What all handlers share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) inbox: Inbox,
    pub(super) counters: Counters,
    pub(super) knobs: Arc<RwLock<Arc<Knobs>>>,
    pub(super) reporter: Reporter,
    pub(super) closing: CancellationToken,
}

/// `POST /sms`.
pub(super) async fn json(
    State(shared): State<Shared>,
    ConnectInfo(grip): ConnectInfo<Grip>,
    message: Result<Json<JsonMessage>, JsonRejection>,
) -> Response {
    match message {
        Ok(Json(message)) => shared.serve(message.into(), &grip).await,
        Err(rejection) => (StatusCode::BAD_REQUEST, rejection.body_text()).into_response(),
    }
}

/// `GET /cgi-bin/sendsms`.
pub(super) async fn kannel(
    State(shared): State<Shared>,
    ConnectInfo(grip): ConnectInfo<Grip>,
    message: Result<Query<KannelMessage>, QueryRejection>,
) -> Response {
    let Ok(Query(message)) = message else {
        return (StatusCode::BAD_REQUEST, "Wrong sendsms args, rejected").into_response();
    };
    match message.arrive() {
        Ok(arrival) => shared.serve(arrival, &grip).await,
        Err(line) => (StatusCode::BAD_REQUEST, line).into_response(),
    }
}

impl Shared {
    async fn serve(&self, arrival: Arrival, grip: &Grip) -> Response {
        self.counters.count_arrived();
        let knobs = Arc::clone(&self.knobs.read());
        let message = arrival.message;
        let key = key(&message);
        let times = self.inbox.arrive(&key);
        let fault = pick_fault(&knobs, &message, &key, times);
        let kind = message.kind;
        let refused = knobs
            .refuse
            .as_ref()
            .is_some_and(|refuse| refuse.decide(&message.to));
        let taken = if refused || fault.is_some_and(|fault| !fault.takes_the_message()) {
            None
        } else {
            Some(self.take(&knobs, message, arrival.report_url, times).await)
        };
        let latency = within(knobs.latency, unit(knobs.seed, &key, times, Throw::Latency));
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if refused {
            self.counters.count_refused();
            return wire::refused(kind);
        }
        if let Some(fault) = fault {
            self.counters.count_fault(fault);
        }
        let wait = Some(knobs.retry_after);
        match (fault, taken) {
            (Some(Fault::Error500), _) => wire::status(StatusCode::INTERNAL_SERVER_ERROR, None),
            (Some(Fault::Unavailable503), _) => wire::status(StatusCode::SERVICE_UNAVAILABLE, wait),
            (Some(Fault::TooMany429), _) => wire::status(StatusCode::TOO_MANY_REQUESTS, wait),
            (Some(Fault::Unauthorized401), _) => wire::status(StatusCode::UNAUTHORIZED, None),
            (Some(Fault::ErrorBody200), _) | (None, None) => wire::error_body(kind),
            (Some(Fault::BadGateway502), _) => wire::status(StatusCode::BAD_GATEWAY, None),
            (Some(Fault::Hang), _) => {
                self.closing.cancelled().await;
                grip.reset();
                wire::status(StatusCode::OK, None)
            }
            (Some(Fault::Reset), _) => {
                grip.reset();
                wire::status(StatusCode::OK, None)
            }
            (None, Some(taken)) => wire::taken(&taken),
        }
    }

    async fn take(
        &self,
        knobs: &Arc<Knobs>,
        message: Taken,
        report_url: Option<String>,
        times: u32,
    ) -> Taken {
        let known = message
            .reference
            .as_deref()
            .filter(|_| knobs.repeats == Repeats::Fold)
            .and_then(|reference| self.inbox.first_with(reference));
        if let Some(known) = known {
            self.counters.count_repeat();
            return known;
        }
        let taken = self.inbox.take(message);
        self.reporter.report(knobs, &taken, report_url, times).await;
        taken
    }
}

/// What the dice know a message by.
pub(super) fn key(message: &Taken) -> String {
    match &message.reference {
        Some(reference) => reference.to_string(),
        None => format!("{}\n{}", message.to, message.text),
    }
}

fn pick_fault(knobs: &Knobs, message: &Taken, key: &str, times: u32) -> Option<Fault> {
    if times >= knobs.faults_per_message {
        return None;
    }
    if let Some(fault) = knobs.fault.as_ref().and_then(|pick| pick.decide(message)) {
        return Some(fault);
    }
    let mut left = unit(knobs.seed, key, times, Throw::Fault);
    for (fault, chance) in &knobs.faults {
        if left < *chance {
            return Some(*fault);
        }
        left -= chance;
    }
    None
}
