//! What the fake register does with one call.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::RwLock;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::calls::{Call, Calls};
use super::knobs::{KrrFault, KrrKnobs, Others};
use super::person::Person;
use super::server::Admission;
use super::signer::Signer;
use crate::adapters::krr::wire::{CONTACT_SCOPES, JOSE, Request};
use crate::domain::person::PersonNumber;
use crate::sandbox::connection::Grip;

/// What all calls share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) persons: Arc<RwLock<HashMap<PersonNumber, Person>>>,
    pub(super) admission: Arc<Admission>,
    pub(super) knobs: Arc<RwLock<KrrKnobs>>,
    pub(super) calls: Calls,
    pub(super) signer: Signer,
    pub(super) closing: CancellationToken,
}

/// Who asks, by the token.
#[derive(Default)]
struct Caller {
    consumer: Option<String>,
    scopes: Vec<String>,
}

/// `GET /jwks`.
pub(super) async fn key_set(State(shared): State<Shared>) -> Response {
    match shared.signer.key_set() {
        Ok(set) => Json(set).into_response(),
        Err(_no_key) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `POST /rest/v2/personer`.
pub(super) async fn look_up(
    State(shared): State<Shared>,
    ConnectInfo(grip): ConnectInfo<Grip>,
    headers: HeaderMap,
    body: Result<Json<Request>, JsonRejection>,
) -> Response {
    shared.calls.begin();
    let caller = shared.admit(&headers);
    let (knobs, fault) = {
        let mut knobs = shared.knobs.write();
        let fault = knobs.next.pop_front().or_else(|| knobs.always.clone());
        let fails = rand::rng().random_bool(knobs.failing.clamp(0.0, 1.0));
        let fault = fault.or_else(|| fails.then_some(KrrFault::Unavailable503(None)));
        (knobs.clone(), fault)
    };
    if !knobs.latency.is_zero() {
        tokio::time::sleep(knobs.latency).await;
    }
    let request = body.ok().map(|Json(request)| request);
    let asked = request
        .as_ref()
        .map_or(0, |one| one.personidentifikatorer.len());
    let accept = text(&headers, &ACCEPT).to_owned();
    let consumer = caller.as_ref().and_then(|caller| caller.consumer.clone());
    let response = shared
        .answer(caller, request, &knobs, fault, &accept, &grip)
        .await;
    shared.calls.end(Call {
        persons: asked,
        status: response.status().as_u16(),
        consumer,
        accept,
    });
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn later(status: StatusCode, wait: Option<Duration>) -> Response {
    let mut response = status.into_response();
    if let Some(wait) = wait {
        response
            .headers_mut()
            .insert(RETRY_AFTER, wait.as_secs().into());
    }
    response
}

impl Shared {
    fn admit(&self, headers: &HeaderMap) -> Option<Caller> {
        let token = text(headers, &AUTHORIZATION).strip_prefix("Bearer ")?;
        match &*self.admission {
            Admission::Anybody => Some(Caller {
                consumer: None,
                scopes: vec![CONTACT_SCOPES[0].to_owned()],
            }),
            Admission::Tokens(tokens) => {
                let issued = tokens.find(token)?;
                Some(Caller {
                    consumer: issued.consumer,
                    scopes: issued.scopes,
                })
            }
        }
    }

    async fn answer(
        &self,
        caller: Option<Caller>,
        request: Option<Request>,
        knobs: &KrrKnobs,
        fault: Option<KrrFault>,
        accept: &str,
        grip: &Grip,
    ) -> Response {
        if let Some(response) = self.refuse(fault.as_ref(), grip).await {
            return response;
        }
        let Some(caller) = caller else {
            return StatusCode::UNAUTHORIZED.into_response();
        };
        let is_ours = |scope: &String| scope.starts_with("krr:global/");
        let shut_out = caller
            .consumer
            .as_ref()
            .is_some_and(|one| knobs.shut_out.contains(one));
        if shut_out || !caller.scopes.iter().any(is_ours) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let Some(numbers) = request.and_then(|request| read(&request, knobs)) else {
            return (StatusCode::BAD_REQUEST, "bad request").into_response();
        };
        let persons = self.find(&numbers, &caller.scopes, knobs, fault.as_ref());
        let answer = json!({ "personer": persons });
        let written = self.write(&answer, accept, fault.as_ref());
        written.unwrap_or_else(|_no_key| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    /// The faults that leave no answer.
    async fn refuse(&self, fault: Option<&KrrFault>, grip: &Grip) -> Option<Response> {
        let response = match fault? {
            KrrFault::Unauthorized401 => StatusCode::UNAUTHORIZED.into_response(),
            KrrFault::Forbidden403 => StatusCode::FORBIDDEN.into_response(),
            KrrFault::BadRequest400 => StatusCode::BAD_REQUEST.into_response(),
            KrrFault::NotFound404 => StatusCode::NOT_FOUND.into_response(),
            KrrFault::TooMany429(wait) => later(StatusCode::TOO_MANY_REQUESTS, *wait),
            KrrFault::Error500 => later(StatusCode::INTERNAL_SERVER_ERROR, None),
            KrrFault::BadGateway502 => later(StatusCode::BAD_GATEWAY, None),
            KrrFault::Unavailable503(wait) => later(StatusCode::SERVICE_UNAVAILABLE, *wait),
            KrrFault::GatewayTimeout504 => later(StatusCode::GATEWAY_TIMEOUT, None),
            KrrFault::Moved302 => (StatusCode::FOUND, [(LOCATION, "/elsewhere")]).into_response(),
            KrrFault::Page200 => "<html>maintenance</html>".into_response(),
            KrrFault::Hang => {
                self.closing.cancelled().await;
                grip.reset();
                StatusCode::OK.into_response()
            }
            KrrFault::Reset => {
                grip.reset();
                StatusCode::OK.into_response()
            }
            KrrFault::CutShort
            | KrrFault::Nobody
            | KrrFault::HalfLeftOut
            | KrrFault::Stranger
            | KrrFault::Contradiction
            | KrrFault::ForgedSignature
            | KrrFault::Unsigned => return None,
        };
        Some(response)
    }

    /// In another order than asked, as the order promises nothing.
    fn find(
        &self,
        numbers: &[PersonNumber],
        scopes: &[String],
        knobs: &KrrKnobs,
        fault: Option<&KrrFault>,
    ) -> Vec<Value> {
        let known = self.persons.read();
        let mut persons: Vec<Value> = numbers
            .iter()
            .rev()
            .filter(|number| !knobs.left_out.contains(number))
            .map(|number| match (known.get(number), knobs.others) {
                (Some(person), _) => person.shown_to(scopes),
                (None, Others::Ordinary) => Person::ordinary(number.clone()).shown_to(scopes),
                (None, Others::NotRegistered) => {
                    Person::not_registered(number.clone()).shown_to(scopes)
                }
            })
            .collect();
        match fault {
            Some(KrrFault::Nobody) => persons.clear(),
            Some(KrrFault::HalfLeftOut) => {
                let mut keep = false;
                persons.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            Some(KrrFault::Stranger) => {
                let stranger = Person::ordinary(PersonNumber::synthetic(26_500_000));
                persons.push(stranger.shown_to(scopes));
            }
            Some(KrrFault::Contradiction) => {
                let again = numbers.iter().map(|number| {
                    Person::ordinary(number.clone())
                        .with("reservasjon", "JA")
                        .shown_to(scopes)
                });
                persons.extend(again);
            }
            Some(_) | None => {}
        }
        persons
    }

    fn write(
        &self,
        answer: &Value,
        accept: &str,
        fault: Option<&KrrFault>,
    ) -> io::Result<Response> {
        if accept == JOSE && fault != Some(&KrrFault::Unsigned) {
            let text = if fault == Some(&KrrFault::ForgedSignature) {
                self.signer.forge(answer)?
            } else {
                self.signer.sign(answer)?
            };
            return Ok(([(CONTENT_TYPE, JOSE)], text).into_response());
        }
        let mut text = answer.to_string();
        if fault == Some(&KrrFault::CutShort) {
            text.truncate(text.len() / 2);
        }
        Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
    }
}

/// Whom the request asks about; `None` is a bad request.
fn read(request: &Request, knobs: &KrrKnobs) -> Option<Vec<PersonNumber>> {
    let numbers = &request.personidentifikatorer;
    if numbers.is_empty() || numbers.len() > knobs.most {
        return None;
    }
    numbers
        .iter()
        .map(|number| PersonNumber::parse(number).ok())
        .map(|number| number.filter(|number| !knobs.poisoned.contains(number)))
        .collect()
}
