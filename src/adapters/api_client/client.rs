//! The calls.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};

use super::classify::classify;
use super::error::ApiError;
use super::wire::{FeedPage, JobAnswer, Page, ReachAnswer};
use crate::domain::ids::JobName;
use crate::ports::BoxError;

/// How long a connection may take to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a call may take, a large job included.
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// More of an answer than this is not read.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// An agency's API key. Prints masked.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

/// The API at one address.
pub struct ApiClient {
    client: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiClient({})", self.address())
    }
}

/// How a job was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Stored now.
    New,
    /// Stored before; nothing changed.
    Before,
}

impl ApiClient {
    /// Sets the client up; connects to nobody.
    ///
    /// # Errors
    /// [`ApiError::Address`], [`ApiError::Key`], [`ApiError::Setup`].
    pub fn new(address: &str, key: Option<&ApiKey>) -> Result<Self, ApiError> {
        let refusal = || ApiError::Address {
            address: without_password(address),
        };
        let mut base = Url::parse(address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .ok_or_else(refusal)?;
        base.set_query(None);
        base.set_fragment(None);
        let authorization = match key {
            None => None,
            Some(ApiKey(key)) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
                    .map_err(|_unprintable| ApiError::Key)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(&base).map_err(ApiError::Setup)?)
            .user_agent(concat!("budstikke/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .http1_only();
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| ApiError::Setup(Box::new(error.without_url())))?;
        Ok(Self {
            client,
            base,
            authorization,
        })
    }

    /// Scheme, host and port.
    pub fn address(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Enqueues a job. Doing it again with the same content is safe.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn enqueue(&self, job: Bytes) -> Result<(Taken, JobAnswer), ApiError> {
        let request = self
            .client
            .post(self.url(&["v1", "jobs"]))
            .header(CONTENT_TYPE, "application/json");
        let (status, body) = self.exchange(request.body(job)).await?;
        let taken = if status == 202 {
            Taken::New
        } else {
            Taken::Before
        };
        Ok((taken, self.read(&body)?))
    }

    /// Looks at a job.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::NotFound`] when the agency has none of that id.
    pub async fn job(&self, job: &JobName) -> Result<JobAnswer, ApiError> {
        let (_, body) = self
            .exchange(self.client.get(self.url(&["v1", "jobs", job.as_str()])))
            .await?;
        self.read(&body)
    }

    /// Who of a job's street was reached.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::NotFound`] also for a job that has no street.
    pub async fn reach(&self, job: &JobName) -> Result<ReachAnswer, ApiError> {
        let url = self.url(&["v1", "jobs", job.as_str(), "reach"]);
        let (_, body) = self.exchange(self.client.get(url)).await?;
        self.read(&body)
    }

    /// A page of at most `limit` (1–1,000) notifications of a job.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn notifications(
        &self,
        job: &JobName,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, ApiError> {
        let mut url = self.url(&["v1", "jobs", job.as_str(), "notifications"]);
        url.query_pairs_mut()
            .append_pair("limit", &limit.to_string());
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let (_, body) = self.exchange(self.client.get(url)).await?;
        self.read(&body)
    }

    /// At most `limit` (1–1,000) events of the agency after the `sequence` given.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn events(&self, after: u64, limit: u32) -> Result<FeedPage, ApiError> {
        let mut url = self.url(&["v1", "events"]);
        url.query_pairs_mut()
            .append_pair("after", &after.to_string())
            .append_pair("limit", &limit.to_string());
        let (_, body) = self.exchange(self.client.get(url)).await?;
        self.read(&body)
    }

    /// What the worker counts, in Prometheus' text format.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn metrics(&self) -> Result<String, ApiError> {
        let (_, body) = self
            .exchange(self.client.get(self.url(&["metrics"])))
            .await?;
        String::from_utf8(body).map_err(|_no_text| self.stranger())
    }

    /// Below the base, which may have a path of its own.
    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    fn read<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> Result<T, ApiError> {
        serde_json::from_slice(body).map_err(|_other_shape| self.stranger())
    }

    fn stranger(&self) -> ApiError {
        ApiError::Stranger {
            address: self.address(),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>), ApiError> {
        let request = request.header(ACCEPT, "application/json, text/plain");
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.explain(error))?;
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = self.body(answer).await?;
        if status.is_success() {
            Ok((status.as_u16(), body))
        } else if status.is_redirection() {
            Err(self.stranger())
        } else {
            Err(classify(status.as_u16(), retry_after.as_deref(), &body))
        }
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, ApiError> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.explain(error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(self.stranger());
            }
        }
        Ok(body)
    }

    fn explain(&self, error: reqwest::Error) -> ApiError {
        let address = self.address();
        let error = error.without_url();
        if is_refused(&error) {
            ApiError::ConnectionRefused { address }
        } else if error.is_connect() {
            ApiError::Unreachable {
                address,
                source: Box::new(error),
            }
        } else {
            ApiError::NoAnswer {
                address,
                source: Box::new(error),
            }
        }
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// What stands before an @ may be a password.
fn without_password(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_secret, host)) => format!("…@{host}"),
        None => address.to_owned(),
    }
}

/// TLS with ring and the machine's own root certificates; none are loaded for plain `http`.
fn tls(url: &Url) -> Result<rustls::ClientConfig, BoxError> {
    let mut roots = rustls::RootCertStore::empty();
    if url.scheme() == "https" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("no root certificates on this machine; install ca-certificates".into());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
