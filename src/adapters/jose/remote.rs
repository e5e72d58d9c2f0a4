//! The keys that somebody else signs with, fetched and kept, and what is believed of their
//! signatures.
//!
//! Keys that are known go on working while the key set cannot be had, and nobody who needs only
//! those waits for it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::wire::{KeySet, KeySetError, VerifyError};
use crate::adapters::https::caller::{CallError, Caller, Limits};
use crate::ports::BoxError;
use crate::ports::clock::{Clock, Monotonic};

/// A key set is asked for again after a day, so that a key which was withdrawn is forgotten.
const OLD: Duration = Duration::from_hours(24);
/// A signature that does not fit is no reason to ask for the key set more often than this.
const PAUSE: Duration = Duration::from_secs(60);
/// As long as there is no key set at all, a failure holds so long for everybody.
const FAILURE_HOLDS: Duration = Duration::from_secs(2);
/// More of a key set than this is not read.
const LONGEST: usize = 256 * 1024;

/// Why signed JSON is not believed.
#[derive(Debug, thiserror::Error)]
pub(in crate::adapters) enum KeysError {
    /// The key set cannot be had.
    #[error("the key set of {0} cannot be had")]
    Call(&'static str, #[source] CallError),
    /// The key set could not be had a moment ago.
    #[error("the key set of {0} could not be had a moment ago")]
    Lately(&'static str),
    /// It is answered with something else.
    #[error("the key set of {whose} is answered with HTTP {status}; check {setting}")]
    Status {
        /// Whose keys.
        whose: &'static str,
        /// What the answer was.
        status: u16,
        /// Where its address is set.
        setting: &'static str,
    },
    /// It is none.
    #[error("the key set of {whose} {problem}; check {setting}")]
    Set {
        /// Whose keys.
        whose: &'static str,
        /// What is wrong.
        problem: KeySetError,
        /// Where its address is set.
        setting: &'static str,
    },
    /// What was signed is not believed.
    #[error("what {0} signed {1}")]
    Signed(&'static str, VerifyError),
}

/// Where keys are.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct KeysAt {
    /// Whose they are, for people.
    pub(in crate::adapters) whose: &'static str,
    /// The setting that holds the address.
    pub(in crate::adapters) setting: &'static str,
    /// The address.
    pub(in crate::adapters) url: Url,
    /// How long fetching them may take.
    pub(in crate::adapters) timeout: Duration,
}

#[derive(Debug, Default)]
struct State {
    set: Option<(Arc<KeySet>, Monotonic)>,
    tried: Option<Monotonic>,
    failed: bool,
}

/// Somebody's keys.
#[derive(Debug)]
pub(in crate::adapters) struct RemoteKeys {
    at: KeysAt,
    caller: Caller,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

impl RemoteKeys {
    pub(in crate::adapters) fn new(at: KeysAt, clock: Arc<dyn Clock>) -> Result<Self, BoxError> {
        Ok(Self {
            caller: Caller::new(&at.url, 1)?,
            at,
            clock,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        })
    }

    /// The payload of `jws`. A signature that does not fit may mean that the keys have changed: the
    /// set is asked for again, at most once a minute.
    pub(in crate::adapters) async fn open<T: DeserializeOwned>(
        &self,
        jws: &str,
    ) -> Result<T, KeysError> {
        let (set, fetched) = self.at_hand().await?;
        let unfit = match set.verify(jws) {
            Ok(payload) => return Ok(payload),
            Err(unfit @ (VerifyError::UnknownKey | VerifyError::Signature)) => unfit,
            Err(other @ (VerifyError::Shape | VerifyError::Algorithm | VerifyError::Payload)) => {
                return Err(self.not_believed(other));
            }
        };
        match self.newer(fetched).await {
            Ok(Some(set)) => set.verify(jws).map_err(|why| self.not_believed(why)),
            Ok(None) => Err(self.not_believed(unfit)),
            // Nobody can say whether a key that we do not know is theirs by now.
            Err(error) if unfit == VerifyError::UnknownKey => Err(error),
            Err(_told) => Err(self.not_believed(unfit)),
        }
    }

    fn not_believed(&self, why: VerifyError) -> KeysError {
        KeysError::Signed(self.at.whose, why)
    }

    /// The set at hand and when it was fetched, or the first one.
    async fn at_hand(&self) -> Result<(Arc<KeySet>, Monotonic), KeysError> {
        let now = self.clock.monotonic();
        let old = self.state.lock().set.clone();
        let _flight = match &old {
            Some(set) if now.since(set.1) < OLD || self.tried_lately(now) => {
                return Ok(set.clone());
            }
            // Somebody asks already, and the old ones are good until then.
            Some(set) => match self.flight.try_lock() {
                Ok(flight) => flight,
                Err(_busy) => return Ok(set.clone()),
            },
            None => self.flight.lock().await,
        };
        let now = self.clock.monotonic();
        {
            // While we waited somebody else may have asked.
            let state = self.state.lock();
            match (&state.set, state.tried) {
                (Some(set), _) if now.since(set.1) < OLD => return Ok(set.clone()),
                (None, Some(tried)) if now.since(tried) < FAILURE_HOLDS => {
                    return Err(KeysError::Lately(self.at.whose));
                }
                (Some(_) | None, _) => {}
            }
        }
        match (self.fetch(now).await, old) {
            (Ok(set), _) => Ok((set, now)),
            (Err(_told), Some(old)) => Ok(old),
            (Err(error), None) => Err(error),
        }
    }

    fn tried_lately(&self, now: Monotonic) -> bool {
        let tried = self.state.lock().tried;
        tried.is_some_and(|tried| now.since(tried) < PAUSE)
    }

    /// A set that is newer than one fetched at `than`; `None`: it may not be asked for yet.
    async fn newer(&self, than: Monotonic) -> Result<Option<Arc<KeySet>>, KeysError> {
        let _flight = self.flight.lock().await;
        let now = self.clock.monotonic();
        {
            let state = self.state.lock();
            match &state.set {
                Some((set, fetched)) if *fetched > than => return Ok(Some(Arc::clone(set))),
                Some(_) | None => {}
            }
            if state.tried.is_some_and(|tried| now.since(tried) < PAUSE) {
                return match state.failed {
                    true => Err(KeysError::Lately(self.at.whose)),
                    false => Ok(None),
                };
            }
        }
        self.fetch(now).await.map(Some)
    }

    async fn fetch(&self, now: Monotonic) -> Result<Arc<KeySet>, KeysError> {
        let fetched = self.call().await.map(Arc::new);
        let mut state = self.state.lock();
        state.tried = Some(now);
        state.failed = fetched.is_err();
        match &fetched {
            Ok(set) => state.set = Some((Arc::clone(set), now)),
            Err(error) => tracing::warn!(
                error = error as &dyn std::error::Error,
                "no key set; keys that are known go on working"
            ),
        }
        fetched
    }

    async fn call(&self) -> Result<KeySet, KeysError> {
        let (whose, setting) = (self.at.whose, self.at.setting);
        let limits = Limits {
            time: self.at.timeout,
            bytes: LONGEST,
        };
        let request = self.caller.get(self.at.url.clone());
        let reply = self.caller.call(request, limits, self.clock.now()).await;
        let reply = reply.map_err(|error| KeysError::Call(whose, error))?;
        if reply.status != 200 {
            let status = reply.status;
            return Err(KeysError::Status {
                whose,
                status,
                setting,
            });
        }
        KeySet::parse(&reply.body).map_err(|problem| KeysError::Set {
            whose,
            problem,
            setting,
        })
    }
}
