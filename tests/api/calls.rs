//! One call and its answer.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use serde_json::Value;
use tower::ServiceExt;

/// A machine elsewhere.
pub const ELSEWHERE: &str = "192.0.2.7:50000";

/// A call in the making; from a machine elsewhere.
pub struct Call(Request<Body>);

impl Call {
    pub fn new(method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path);
        Self(request.body(Body::empty()).unwrap()).peer(ELSEWHERE)
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub fn peer(mut self, peer: &str) -> Self {
        let peer: SocketAddr = peer.parse().unwrap();
        self.0.extensions_mut().insert(ConnectInfo(peer));
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {key}"))
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.0.headers_mut().append(name, value.parse().unwrap());
        self
    }

    pub fn body(mut self, kind: &str, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = body.into();
        self.header(CONTENT_TYPE, kind)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Whether the call goes to the path.
    pub fn is_to(&self, path: &str) -> bool {
        self.0.uri().path() == path
    }

    pub async fn on(self, router: &Router) -> Answer {
        let limit = Duration::from_secs(30);
        let answer = tokio::time::timeout(limit, router.clone().oneshot(self.0));
        let (head, body) = answer.await.unwrap().unwrap().into_parts();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Asserts that it is a well-made problem of the status; returns it.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header(CONTENT_TYPE), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail"] {
            let text = problem[member].as_str().unwrap();
            assert!(!text.is_empty(), "{member} of {problem}");
        }
        let id = self.header(HeaderName::from_static("x-request-id"));
        assert!(id.is_some_and(|id| !id.is_empty()));
        problem
    }
}
