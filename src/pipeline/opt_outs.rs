//! The agencies' opt-out lists in memory, so that asking them costs nothing: at the plan, and again
//! at the last gate.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;

use crate::domain::ids::AgencyNo;
use crate::domain::job::To;
use crate::domain::opt_out::{Classes, OptOutHash, OptOutKey, OptedOut};
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::store::{Store, StoreError};

use super::ready::Held;

/// Changes are asked for at most so often; a change holds for every process after this.
const EVERY: Duration = Duration::from_secs(1);

/// Changes read at once.
const PAGE: u32 = 5_000;

#[derive(Debug, Default)]
struct State {
    lists: HashMap<AgencyNo, HashMap<OptOutHash, Classes>>,
    sequence: i64,
    read_at: Option<Monotonic>,
}

/// All lists, as of a moment ago.
#[derive(Debug)]
pub struct OptOutLists {
    key: OptOutKey,
    state: RwLock<State>,
}

impl OptOutLists {
    /// Lists of which nothing is known yet.
    pub fn new(key: OptOutKey) -> Self {
        Self {
            key,
            state: RwLock::default(),
        }
    }

    /// What makes the hashes.
    pub const fn key(&self) -> &OptOutKey {
        &self.key
    }

    /// Follows the changes, if that was not done a moment ago.
    ///
    /// # Errors
    /// [`StoreError`], only as long as the lists were never read: afterwards those at hand hold, and
    /// without the store nothing can be sent anyway.
    pub async fn refresh(&self, store: &dyn Store, clock: &dyn Clock) -> Result<(), StoreError> {
        let now = clock.monotonic();
        let read_at = self.state.read().read_at;
        if read_at.is_some_and(|at| now.since(at) < EVERY) {
            return Ok(());
        }
        match (self.follow(store, now).await, read_at) {
            (Ok(()), _) => Ok(()),
            (Err(error), None) => Err(error),
            (Err(error), Some(_)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot read the opt-out lists; those at hand hold"
                );
                Ok(())
            }
        }
    }

    /// Something was changed: the next one who asks reads anew.
    pub fn expire(&self) {
        let mut state = self.state.write();
        state.read_at = state.read_at.map(|_lately| Monotonic(0));
    }

    async fn follow(&self, store: &dyn Store, now: Monotonic) -> Result<(), StoreError> {
        loop {
            let after = self.state.read().sequence;
            let page = store.opt_out_changes(after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            let mut state = self.state.write();
            for row in page {
                let list = state.lists.entry(row.agency).or_default();
                if row.entry.classes.is_none() {
                    list.remove(&row.entry.hash);
                } else {
                    list.insert(row.entry.hash, row.entry.classes);
                }
                state.sequence = state.sequence.max(row.sequence);
            }
            if is_last {
                state.read_at = Some(now);
                return Ok(());
            }
        }
    }

    /// What of a delivery stands on its agency's list, for its class.
    pub fn of(&self, held: &Held) -> OptedOut {
        let (agency, class) = (&held.job.agency, held.job.record.rules.class);
        let state = self.state.read();
        let list = match state.lists.get(&agency.no) {
            Some(list) if !list.is_empty() => list,
            Some(_) | None => return OptedOut::NOTHING,
        };
        let holds = |hash: OptOutHash| list.get(&hash).is_some_and(|of| of.contains(class));
        let (id, key) = (&agency.id, &self.key);
        match &held.to {
            None => OptedOut::NOTHING,
            Some(To::Phone(phone)) => OptedOut {
                sms: holds(key.phone(id, phone)),
                ..OptedOut::NOTHING
            },
            Some(To::Email(email)) => OptedOut {
                email: holds(key.email(id, email)),
                ..OptedOut::NOTHING
            },
            Some(To::Person(person)) => {
                let contact = held.contact.as_ref().map(|(contact, _)| contact);
                let mobile = contact.and_then(|contact| contact.mobile.as_ref());
                let email = contact.and_then(|contact| contact.email.as_ref());
                let mobile = mobile.and_then(|mobile| mobile.address.as_ref().ok());
                let email = email.and_then(|email| email.address.as_ref().ok());
                OptedOut {
                    person: holds(key.person(id, person)),
                    sms: mobile.is_some_and(|phone| holds(key.phone(id, phone))),
                    email: email.is_some_and(|email| holds(key.email(id, email))),
                }
            }
        }
    }
}
