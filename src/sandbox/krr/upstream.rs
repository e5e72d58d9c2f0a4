//! A real register behind the fake one's misbehaviour.

use std::io;
use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::distort;
use super::handler::Asked;
use super::knobs::{KrrFault, KrrKnobs};
use crate::adapters::krr::wire::PATH;

/// More of an answer than this is not read.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Where it listens; loopback, without TLS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upstream(pub(super) SocketAddr);

/// What it answered.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Upstream {
    /// Asks it what we were asked, in the name of whoever asked us.
    pub(super) async fn ask(
        self,
        headers: &HeaderMap,
        accept: &str,
        body: Bytes,
    ) -> io::Result<Answer> {
        let stream = TcpStream::connect(self.0).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        drop(tokio::spawn(connection)); // ends with the sender
        let mut request = Request::post(PATH)
            .header(HOST, self.0.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept);
        if let Some(token) = headers.get(AUTHORIZATION) {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Body::from(body)).map_err(io::Error::other)?;
        let response = sender.send_request(request).await;
        let (parts, body) = response.map_err(io::Error::other)?.into_parts();
        let body = to_bytes(Body::new(body), LONGEST_ANSWER).await;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.map_err(io::Error::other)?,
        })
    }
}

impl Answer {
    /// What the fault makes of it; untouched if that is nothing. `None`: it cannot be read.
    pub(super) fn distorted(
        self,
        asked: &Asked,
        knobs: &KrrKnobs,
        fault: Option<&KrrFault>,
    ) -> Option<Self> {
        let body = if self.status != StatusCode::OK {
            return Some(self);
        } else if fault == Some(&KrrFault::CutShort) {
            distort::half(&self.body)
        } else if fault == Some(&KrrFault::ForgedSignature) {
            distort::forged(&self.body)
        } else if distort::concerns_persons(fault, knobs) {
            let mut whole: Value = serde_json::from_slice(&self.body).ok()?;
            let persons = whole.get_mut("personer")?.as_array_mut()?;
            distort::persons(persons, asked, knobs, fault);
            whole.to_string().into_bytes()
        } else {
            return Some(self);
        };
        Some(Self {
            body: body.into(),
            ..self
        })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        for name in [CONTENT_TYPE, RETRY_AFTER] {
            if let Some(value) = self.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}
