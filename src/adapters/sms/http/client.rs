//! The call itself: one client per gateway, one deadline around everything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::answer::{Answer, AnswerBody, Exchange};
use super::body::Whole;
use super::dial::{Connection, Dialer};
use super::pool::{Origin, Pool};
use super::setup::{BasicAuth, BuildError, credentials};
use super::turnstile::Passage;
use crate::adapters::https::retry_after;
use crate::adapters::https::tls::tls;
use crate::adapters::sms::settings::Settings;
use crate::ports::BoxError;
use crate::ports::clock::Clock;
use crate::ports::slot::Slot;

/// More of an answer than this is not read.
pub(in crate::adapters::sms) const LONGEST_ANSWER: usize = 64 * 1024;

/// One gateway's HTTP client.
pub(in crate::adapters::sms) struct HttpClient {
    pub(super) pool: Pool,
    url: Url,
    headers: HeaderMap,
    concurrency: usize,
    pub(super) name: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({} at {})", self.name, self.origin())
    }
}

/// One request. Its address is at the client's own host.
#[derive(Clone)]
pub(in crate::adapters::sms) struct Call {
    /// The method.
    pub(in crate::adapters::sms) method: Method,
    /// The address.
    pub(in crate::adapters::sms) url: Url,
    /// Headers besides those of the client.
    pub(in crate::adapters::sms) headers: HeaderMap,
    /// The body; empty for none.
    pub(in crate::adapters::sms) body: Bytes,
}

impl HttpClient {
    /// Sets the client up; connects to nobody.
    pub(in crate::adapters::sms) fn new(
        settings: &Settings,
        basic: BasicAuth,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let setting = |problem: &str| BuildError::Setting {
            gateway: settings.name.clone(),
            problem: problem.to_owned(),
        };
        let bad_url = || setting("url must be http://host/path or https://host/path");
        let url = Url::parse(&settings.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(bad_url)?;
        if settings.concurrency == 0 {
            return Err(setting("concurrency must be at least 1"));
        }
        let mut headers = credentials(&settings.auth, basic)
            .ok_or_else(|| setting("auth holds characters that no HTTP header can carry"))?;
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("budstikke/", env!("CARGO_PKG_VERSION"))),
        );
        let host = &url[Position::BeforeHost..Position::AfterPort];
        headers.insert(HOST, HeaderValue::from_str(host).map_err(|_odd| bad_url())?);
        let client = |source: BoxError| BuildError::Client {
            gateway: settings.name.clone(),
            source,
        };
        let tls = tls(&url).map_err(client)?;
        let dialer = Dialer::new(&url, tls, settings.connect_timeout).ok_or_else(bad_url)?;
        Ok(Self {
            pool: Pool::new(dialer, settings.concurrency, settings.pool_idle_timeout),
            url,
            headers,
            concurrency: settings.concurrency,
            name: settings.name.clone(),
            clock,
        })
    }

    /// The configured address.
    pub(in crate::adapters::sms) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Messages in flight at once.
    pub(in crate::adapters::sms) const fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// See [`crate::ports::gateway::Gateway::lead`].
    pub(in crate::adapters::sms) fn lead(&self) -> Duration {
        self.pool.lead()
    }

    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Makes one call within its slot and waits for the whole answer, at most until `deadline`.
    ///
    /// A connection that turns out closed before anything was written on it is replaced: that is
    /// still the first sending.
    pub(in crate::adapters::sms) async fn exchange(
        &self,
        call: Call,
        mut slot: Slot,
        deadline: Duration,
    ) -> Exchange {
        let until = Instant::now() + deadline;
        loop {
            let (mut connection, origin) = match timeout_at(until, self.pool.take()).await {
                Ok(Ok(taken)) => taken,
                Ok(Err(error)) => {
                    self.tell(&error);
                    return Exchange::NotStarted;
                }
                Err(_elapsed) => return Exchange::NotStarted,
            };
            if timeout_at(until, slot.opened()).await.is_err() || slot.is_over() {
                self.pool.give_back(connection);
                return Exchange::Late;
            }
            connection.turnstile.arm(slot);
            let answered = timeout_at(until, self.converse(&mut connection, &call)).await;
            match (answered, connection.turnstile.disarm()) {
                (Ok(Ok(answer)), _) => {
                    if matches!(answer.body, AnswerBody::Complete(_)) {
                        self.pool.give_back(connection);
                    }
                    return Exchange::Answered(answer);
                }
                (Ok(Err(_closed)), Passage::Untouched(back)) if origin == Origin::Idle => {
                    slot = back;
                }
                (broken, passage) => {
                    if let Ok(Err(error)) = &broken {
                        self.tell(error);
                    }
                    return match passage {
                        Passage::Late => Exchange::Late,
                        Passage::Untouched(_) => Exchange::NotStarted,
                        Passage::Passed | Passage::None => Exchange::Broken,
                    };
                }
            }
        }
    }

    fn tell(&self, error: &dyn std::error::Error) {
        tracing::debug!(
            gateway.name = self.name,
            cause = chain(error),
            "the call to SMS gateway {} failed",
            self.name
        );
    }

    async fn converse(
        &self,
        connection: &mut Connection,
        call: &Call,
    ) -> Result<Answer, hyper::Error> {
        let mut request = Request::new(Whole::from(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = target(&call.url);
        let mut headers = self.headers.clone();
        headers.extend(call.headers.clone());
        *request.headers_mut() = headers;
        let response = connection.sender.send_request(request).await?;
        self.read(response).await
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, hyper::Error> {
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after::parse(value, self.clock.now()));
        let mut incoming = response.into_body();
        let mut body = BytesMut::new();
        while let Some(frame) = next_frame(&mut incoming).await {
            let Ok(chunk) = frame?.into_data() else {
                continue;
            };
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Ok(Answer {
                    status,
                    retry_after,
                    body: AnswerBody::TooLong,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            retry_after,
            body: AnswerBody::Complete(body.freeze()),
        })
    }
}

async fn next_frame(body: &mut Incoming) -> Option<Result<http_body::Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await
}

/// Path and query, as a request to the server itself has them.
fn target(url: &Url) -> Uri {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    // A URL holds only what a URI may; should the two ever differ, the path alone is asked for.
    Uri::try_from(target).unwrap_or_default()
}

/// The error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
