//! The call itself: one client per gateway, one deadline around everything.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Request, Response, Url};

use super::answer::{Answer, AnswerBody, Exchange};
use super::retry_after;
use super::setup::{BasicAuth, BuildError, credentials, tls};
use super::stage::{Stage, StagedBody};
use crate::adapters::sms::settings::Settings;
use crate::ports::BoxError;
use crate::ports::clock::Clock;
use crate::ports::slot::Slot;

/// More of an answer than this is not read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// One gateway's HTTP client.
pub(in crate::adapters::sms) struct HttpClient {
    client: reqwest::Client,
    url: Url,
    concurrency: usize,
    name: String,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({} at {})", self.name, self.origin())
    }
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
        let url = Url::parse(&settings.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| setting("url must be http://host/path or https://host/path"))?;
        if settings.concurrency == 0 {
            return Err(setting("concurrency must be at least 1"));
        }
        let headers = credentials(&settings.auth, basic)
            .ok_or_else(|| setting("auth holds characters that no HTTP header can carry"))?;
        let client = |source: BoxError| BuildError::Client {
            gateway: settings.name.clone(),
            source,
        };
        Ok(Self {
            client: reqwest::Client::builder()
                .tls_backend_preconfigured(tls(&url).map_err(client)?)
                .user_agent(concat!("budstikke/", env!("CARGO_PKG_VERSION")))
                .default_headers(headers)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .no_gzip()
                .referer(false)
                .http1_only()
                .tcp_nodelay(true)
                .tcp_keepalive(Duration::from_secs(15))
                .connect_timeout(settings.connect_timeout)
                .pool_idle_timeout(settings.pool_idle_timeout)
                .pool_max_idle_per_host(settings.concurrency)
                .build()
                .map_err(|error| client(Box::new(error.without_url())))?,
            url,
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

    fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Makes one call and waits for the whole answer, at most until `deadline`.
    ///
    /// The library sends a request again only if a pooled connection turned out closed before
    /// anything was written on it; that is still the first sending.
    pub(in crate::adapters::sms) async fn exchange(
        &self,
        mut request: Request,
        body: Bytes,
        slot: Slot,
        deadline: Duration,
    ) -> Exchange {
        if tokio::time::timeout(deadline, slot.opened()).await.is_err() || slot.pass().is_err() {
            return Exchange::Late;
        }
        let stage = Stage::default();
        let has_body = !body.is_empty();
        *request.body_mut() = Some(reqwest::Body::wrap(StagedBody::new(body, stage.clone())));
        let call = async {
            let response = self.client.execute(request).await?;
            self.read(response).await
        };
        let untouched = match tokio::time::timeout(deadline, call).await {
            Ok(Ok(answer)) => return Exchange::Answered(answer),
            Ok(Err(error)) => {
                tracing::debug!(
                    gateway.name = self.name,
                    cause = chain(&error.without_url()),
                    "the call to SMS gateway {} failed",
                    self.name
                );
                if has_body {
                    stage.shut()
                } else {
                    !stage.was_taken()
                }
            }
            // A GET cannot be shut: it may be leaving at this very moment.
            Err(_elapsed) => has_body && stage.shut(),
        };
        if untouched {
            Exchange::NotStarted
        } else {
            Exchange::Broken
        }
    }

    async fn read(&self, mut response: Response) -> Result<Answer, reqwest::Error> {
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after::parse(value, self.clock.now()));
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
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

    /// Asks `url` for anything at all with a method that sends no message.
    ///
    /// # Errors
    /// That it cannot be reached, that it refuses the credentials, or that it has moved.
    pub(in crate::adapters::sms) async fn probe(
        &self,
        method: Method,
        url: Url,
        deadline: Duration,
    ) -> Result<String, String> {
        let at = self.origin();
        let started = Instant::now();
        let call = self.client.execute(Request::new(method, url));
        let status = match tokio::time::timeout(deadline, call).await {
            Ok(Ok(response)) => response.status().as_u16(),
            Ok(Err(error)) => {
                let cause = chain(&error.without_url());
                return Err(format!(
                    "{at} cannot be reached ({cause}); check url, DNS, firewall and certificate"
                ));
            }
            Err(_elapsed) => {
                return Err(format!(
                    "{at} gave no answer within {deadline:?}; check url and firewall"
                ));
            }
        };
        match status {
            401 | 403 => Err(format!(
                "{at} refuses our credentials (HTTP {status}); check auth, and whether the gateway lets this machine's address in"
            )),
            301 | 302 | 303 | 307 | 308 => Err(format!(
                "{at} sends us elsewhere (HTTP {status}); put the new address into url"
            )),
            _ => Ok(format!(
                "{at} answers (HTTP {status}, {} ms)",
                started.elapsed().as_millis()
            )),
        }
    }
}

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
