//! The keys that the register signs with, and what is believed of a signed answer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::adapters::https::caller::{CallError, Caller, Limits};
use crate::adapters::jose::wire::{KeySet, KeySetError, VerifyError};
use crate::ports::BoxError;
use crate::ports::clock::{Clock, Monotonic};

/// A key set is asked for again after a day, so that a key which was withdrawn is forgotten.
const OLD: Duration = Duration::from_hours(24);
/// A signature that does not fit is no reason to ask for the key set more often than this.
const PAUSE: Duration = Duration::from_secs(60);
/// More of a key set than this is not read.
const LONGEST: usize = 256 * 1024;

/// Why a signed answer is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    /// The key set cannot be had.
    #[error("the register's key set cannot be had")]
    Call(#[from] CallError),
    /// It is answered with something else.
    #[error("the register's key set is answered with HTTP {0}; check register.krr.keys_url")]
    Status(u16),
    /// It is none.
    #[error("the register's key set {0}; check register.krr.keys_url")]
    Set(KeySetError),
    /// The answer is not believed.
    #[error("the register's answer {0}")]
    Answer(#[from] VerifyError),
}

#[derive(Debug, Default)]
struct State {
    set: Option<(Arc<KeySet>, Monotonic)>,
    tried: Option<Monotonic>,
}

/// The register's keys.
#[derive(Debug)]
pub(super) struct Keys {
    url: Url,
    caller: Caller,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    state: tokio::sync::Mutex<State>,
}

impl Keys {
    pub(super) fn new(
        url: Url,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BoxError> {
        Ok(Self {
            caller: Caller::new(&url, 1)?,
            url,
            timeout,
            clock,
            state: tokio::sync::Mutex::default(),
        })
    }

    /// The payload of `jws`. A signature that does not fit may mean that the keys have changed: the
    /// set is asked for again, at most once a minute.
    pub(super) async fn open<T: DeserializeOwned>(&self, jws: &str) -> Result<T, KeysError> {
        let (set, asked) = self.set(None).await?;
        match set.verify(jws) {
            Err(VerifyError::UnknownKey | VerifyError::Signature) => {}
            other => return Ok(other?),
        }
        let (set, _) = self.set(Some(asked)).await?;
        Ok(set.verify(jws)?)
    }

    /// The set at hand and when it was fetched; newer than `than` if it may be asked for.
    async fn set(&self, than: Option<Monotonic>) -> Result<(Arc<KeySet>, Monotonic), KeysError> {
        let mut state = self.state.lock().await;
        let now = self.clock.monotonic();
        if let Some((set, at)) = &state.set {
            let wanted = than.is_some_and(|than| *at <= than) || now.since(*at) >= OLD;
            let lately = state.tried.is_some_and(|tried| now.since(tried) < PAUSE);
            if !wanted || lately {
                return Ok((Arc::clone(set), *at));
            }
        }
        state.tried = Some(now);
        let set = Arc::new(self.fetch().await?);
        state.set = Some((Arc::clone(&set), now));
        Ok((set, now))
    }

    async fn fetch(&self) -> Result<KeySet, KeysError> {
        let limits = Limits {
            time: self.timeout,
            bytes: LONGEST,
        };
        let request = self.caller.get(self.url.clone());
        let reply = self.caller.call(request, limits, self.clock.now()).await?;
        if reply.status != 200 {
            return Err(KeysError::Status(reply.status));
        }
        KeySet::parse(&reply.body).map_err(KeysError::Set)
    }
}
