//! A call to an outside service whose every answer we read whole, with one deadline around it.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};

use super::retry_after;
use super::tls::tls;
use crate::domain::time::Timestamp;
use crate::ports::BoxError;

/// How long a connection may take to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection without use is closed after so long; servers close theirs after a minute or more.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// A whole answer. Its body is never printed: persons may be in it.
pub(in crate::adapters) struct Reply {
    /// The status code.
    pub(in crate::adapters) status: u16,
    /// `Retry-After`, counted from now; at most an hour.
    pub(in crate::adapters) retry_after: Option<Duration>,
    /// The other side's clock.
    pub(in crate::adapters) date: Option<Timestamp>,
    /// `Content-Type` without parameters, in lower case.
    pub(in crate::adapters) content_type: String,
    /// The body.
    pub(in crate::adapters) body: Bytes,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::adapters) enum CallError {
    /// No connection came up, so that nothing of the request left us.
    #[error("{at} cannot be reached")]
    Unreached {
        /// Scheme, host and port.
        at: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The connection broke.
    #[error("{at} cannot be reached")]
    Broken {
        /// Scheme, host and port.
        at: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The deadline passed.
    #[error("{at} gave no answer within {limit:?}")]
    Late {
        /// Scheme, host and port.
        at: String,
        /// The deadline.
        limit: Duration,
    },
    /// The answer is longer than any that makes sense.
    #[error("{at} gave an answer of more than {limit} bytes")]
    TooLong {
        /// Scheme, host and port.
        at: String,
        /// Bytes read at most.
        limit: usize,
    },
}

impl CallError {
    /// Whether the other side may have got the request.
    pub(in crate::adapters) const fn may_have_left(&self) -> bool {
        match self {
            Self::Unreached { .. } => false,
            // The deadline is around all of it; whether the connection was up then nobody knows.
            Self::Broken { .. } | Self::Late { .. } | Self::TooLong { .. } => true,
        }
    }
}

/// What a call may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::adapters) struct Limits {
    /// Time, from the first byte out to the last byte in.
    pub(in crate::adapters) time: Duration,
    /// Bytes of the answer.
    pub(in crate::adapters) bytes: usize,
}

/// The HTTP client of one outside service.
pub(in crate::adapters) struct Caller {
    client: reqwest::Client,
    at: String,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.at)
    }
}

impl Caller {
    /// A client for the service at `url`, with as many idle connections as calls in flight.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(in crate::adapters) fn new(url: &Url, in_flight: usize) -> Result<Self, BoxError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(url)?)
            .user_agent(concat!("budstikke/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(15))
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .pool_max_idle_per_host(in_flight)
            .build()
            .map_err(reqwest::Error::without_url)?;
        Ok(Self {
            client,
            at: url.origin().ascii_serialization(),
        })
    }

    /// Scheme, host and port of the service.
    pub(in crate::adapters) fn at(&self) -> &str {
        &self.at
    }

    /// A request to be built.
    pub(in crate::adapters) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// A request to be built.
    pub(in crate::adapters) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    /// Sends the request and reads the whole answer. `now` is what dates in it are counted from.
    ///
    /// # Errors
    /// [`CallError`].
    pub(in crate::adapters) async fn call(
        &self,
        request: RequestBuilder,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Reply, CallError> {
        let call = async {
            let response = request.send().await.map_err(|error| self.broken(error))?;
            self.read(response, limits.bytes, now).await
        };
        match tokio::time::timeout(limits.time, call).await {
            Ok(reply) => reply,
            Err(_elapsed) => Err(CallError::Late {
                at: self.at.clone(),
                limit: limits.time,
            }),
        }
    }

    async fn read(
        &self,
        mut response: Response,
        limit: usize,
        now: Timestamp,
    ) -> Result<Reply, CallError> {
        let status = response.status().as_u16();
        let headers = response.headers();
        let retry_after =
            text(headers, &RETRY_AFTER).and_then(|value| retry_after::parse(value, now));
        let date = text(headers, &DATE).and_then(date);
        let content_type = text(headers, &CONTENT_TYPE).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default();
        let content_type = content_type.trim().to_ascii_lowercase();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + chunk.len() > limit {
                return Err(CallError::TooLong {
                    at: self.at.clone(),
                    limit,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            retry_after,
            date,
            content_type,
            body: body.freeze(),
        })
    }

    fn broken(&self, error: reqwest::Error) -> CallError {
        let at = self.at.clone();
        let never_left = error.is_connect() || error.is_builder();
        let source: BoxError = Box::new(error.without_url());
        if never_left {
            CallError::Unreached { at, source }
        } else {
            CallError::Broken { at, source }
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()
        .map(Timestamp::from_jiff)
}
