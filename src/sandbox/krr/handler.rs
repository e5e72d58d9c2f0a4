//! What the fake register does with one call.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::RwLock;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::calls::{Call, Calls};
use super::distort;
use super::knobs::{KrrFault, KrrKnobs, Others};
use super::person::Person;
use super::server::Admission;
use super::signer::Signer;
use super::upstream::Upstream;
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
    /// The register that answers in our stead.
    pub(super) upstream: Option<Upstream>,
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
    body: Bytes,
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
    let is_json = text(&headers, &CONTENT_TYPE).starts_with("application/json");
    let request: Option<Request> = serde_json::from_slice(&body).ok().filter(|_| is_json);
    let asked = request
        .as_ref()
        .map_or(0, |one| one.personidentifikatorer.len());
    let accept = text(&headers, &ACCEPT).to_owned();
    let consumer = caller.as_ref().and_then(|caller| caller.consumer.clone());
    let fault = fault.as_ref();
    let response = match shared.refuse(fault, &grip).await {
        Some(response) => response,
        None => match admitted(caller, request, &knobs) {
            Ok(asked) => match shared.upstream {
                None => shared.answer(&asked, &knobs, fault, &accept),
                Some(upstream) => {
                    let signed = fault != Some(&KrrFault::Unsigned);
                    let accept = if signed { &accept } else { "application/json" };
                    let answer = upstream.ask(&headers, accept, body).await;
                    let answer = answer
                        .ok()
                        .and_then(|one| one.distorted(&asked, &knobs, fault));
                    answer.map_or_else(
                        || StatusCode::BAD_GATEWAY.into_response(),
                        IntoResponse::into_response,
                    )
                }
            },
            Err(status) => status.into_response(),
        },
    };
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
            | KrrFault::Without(_)
            | KrrFault::ForgedSignature
            | KrrFault::Unsigned => return None,
        };
        Some(response)
    }

    /// Our own answer, in another order than asked, as the order promises nothing.
    fn answer(
        &self,
        asked: &Asked,
        knobs: &KrrKnobs,
        fault: Option<&KrrFault>,
        accept: &str,
    ) -> Response {
        let Asked { numbers, scopes } = asked;
        let mut persons: Vec<Value> = {
            let known = self.persons.read();
            let persons = numbers.iter().rev();
            persons
                .map(|number| match (known.get(number), knobs.others) {
                    (Some(person), _) => person.shown_to(scopes),
                    (None, Others::Ordinary) => Person::ordinary(number.clone()).shown_to(scopes),
                    (None, Others::NotRegistered) => {
                        Person::not_registered(number.clone()).shown_to(scopes)
                    }
                })
                .collect()
        };
        distort::persons(&mut persons, asked, knobs, fault);
        let written = self.write(&json!({ "personer": persons }), accept, fault);
        written.unwrap_or_else(|_no_key| StatusCode::INTERNAL_SERVER_ERROR.into_response())
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
        let mut text = answer.to_string().into_bytes();
        if fault == Some(&KrrFault::CutShort) {
            text = distort::half(&text);
        }
        Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
    }
}

/// A request that may be answered.
pub(super) struct Asked {
    pub(super) numbers: Vec<PersonNumber>,
    /// Of the caller's token.
    pub(super) scopes: Vec<String>,
}

/// Whether it may be.
fn admitted(
    caller: Option<Caller>,
    request: Option<Request>,
    knobs: &KrrKnobs,
) -> Result<Asked, StatusCode> {
    let caller = caller.ok_or(StatusCode::UNAUTHORIZED)?;
    let is_ours = |scope: &String| scope.starts_with("krr:global/");
    let shut_out = caller
        .consumer
        .as_ref()
        .is_some_and(|one| knobs.shut_out.contains(one));
    if shut_out || !caller.scopes.iter().any(is_ours) {
        return Err(StatusCode::FORBIDDEN);
    }
    let numbers = request.and_then(|request| read(&request, knobs));
    let numbers = numbers.ok_or(StatusCode::BAD_REQUEST)?;
    Ok(Asked {
        numbers,
        scopes: caller.scopes,
    })
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
