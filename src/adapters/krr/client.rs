//! One call, and how its body is read.

use std::fmt;
use std::sync::Arc;

use reqwest::Url;
use reqwest::header::ACCEPT;

use super::settings::{Answers, KrrSettings};
use super::wire::{Answer, JOSE, PATH, Request};
use crate::adapters::https::caller::{CallError, Caller, Limits, Reply};
use crate::adapters::jose::remote::{KeysAt, KeysError, RemoteKeys};
use crate::adapters::maskinporten::AccessToken;
use crate::domain::person::PersonNumber;
use crate::ports::BoxError;
use crate::ports::clock::Clock;

/// More of an answer than this is not read: 1,000 persons with certificates are 4 MB.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Why the body of a success says nothing. The texts never repeat any of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// Not of the form that was asked for.
    #[error("the register's answer is {0}, asked for was {1}")]
    Form(&'static str, &'static str),
    /// Not what the register's documentation says.
    #[error("the register's answer cannot be read: {0}")]
    Shape(&'static str),
    /// Not believed.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// Calls the register.
pub(super) struct Client {
    url: Url,
    caller: Caller,
    limits: Limits,
    keys: Option<RemoteKeys>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?})", self.caller)
    }
}

impl Client {
    pub(super) fn new(settings: &KrrSettings, clock: Arc<dyn Clock>) -> Result<Self, BoxError> {
        let keys = match &settings.answers {
            Answers::Json => None,
            Answers::Jose { keys } => {
                let at = KeysAt {
                    whose: "the register",
                    setting: "register.krr.keys_url",
                    url: keys.clone(),
                    timeout: settings.timeout,
                };
                Some(RemoteKeys::new(at, Arc::clone(&clock))?)
            }
        };
        // What stands behind the host is kept: a proxy may put a path before the register's own.
        let base = settings.url.as_str().trim_end_matches('/');
        Ok(Self {
            url: Url::parse(&format!("{base}{PATH}"))?,
            caller: Caller::new(&settings.url, settings.concurrency)?,
            limits: Limits {
                time: settings.timeout,
                bytes: LONGEST_ANSWER,
            },
            keys,
            clock,
        })
    }

    /// Scheme, host and port.
    pub(super) fn at(&self) -> &str {
        self.caller.at()
    }

    /// Asks about `persons`.
    pub(super) async fn ask(
        &self,
        token: &AccessToken,
        persons: &[PersonNumber],
    ) -> Result<Reply, CallError> {
        let body = Request {
            personidentifikatorer: persons.iter().map(|one| one.expose().to_owned()).collect(),
        };
        let accept = match self.keys {
            Some(_) => JOSE,
            None => "application/json",
        };
        let request = self
            .caller
            .post(self.url.clone())
            .bearer_auth(token.expose())
            .header(ACCEPT, accept)
            .json(&body);
        self.caller
            .call(request, self.limits, self.clock.now())
            .await
    }

    /// Reads the body of a success.
    pub(super) async fn read(&self, reply: &Reply) -> Result<Answer, BodyError> {
        let signed = reply.content_type == JOSE;
        match &self.keys {
            // An answer that ought to be signed and is not is not believed.
            Some(_) if !signed => Err(BodyError::Form("unsigned", JOSE)),
            Some(keys) => {
                let text = std::str::from_utf8(&reply.body)
                    .map_err(|_not_text| BodyError::Shape("it is no text"))?;
                Ok(keys.open(text.trim()).await?)
            }
            None if signed => Err(BodyError::Form("signed", "application/json")),
            None => serde_json::from_slice(&reply.body)
                .map_err(|error| BodyError::Shape(what_is_wrong(&error))),
        }
    }
}

/// What is wrong with a JSON text, without any of it.
fn what_is_wrong(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Eof => "it ends early",
        serde_json::error::Category::Syntax => "it is no JSON",
        serde_json::error::Category::Data => "it is not the object {\"personer\": […]}",
    }
}
