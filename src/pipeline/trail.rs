//! The trail of look-ups: nothing that the register said is used before it is on the trail.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::audit::{AuditKeys, End, Found, Link, Lookup, Persons};
use crate::domain::contact::Contact;
use crate::domain::ids::JobName;
use crate::domain::person::PersonNumber;
use crate::ports::clock::Clock;
use crate::ports::register::Inquiry;
use crate::ports::store::{Store, StoreError};

/// Whom a call asks about, and for which jobs; sorted by person.
pub type Asked = Vec<(PersonNumber, Arc<JobName>)>;

/// Why a look-up is not on the trail; its answers must not be used.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The store did not do it.
    #[error("the store did not take the audit of look-ups")]
    Store(#[from] StoreError),
    /// Somebody else wrote to our strand, or took something away from it.
    #[error("the audit of look-ups was changed behind our back; run `budstikke audit --verify`")]
    Changed,
}

/// Stands for agency and job in a look-up by hand; no id is spelt like that.
const NOBODY: &str = "-";

/// This process's strand.
#[derive(Debug)]
pub struct Trail {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keys: AuditKeys,
    /// Where it ends; `None`: not begun, or nobody knows.
    end: tokio::sync::Mutex<Option<End>>,
}

impl Trail {
    /// A trail whose strand begins with its first look-up.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, keys: AuditKeys) -> Self {
        Self {
            store,
            clock,
            keys,
            end: tokio::sync::Mutex::default(),
        }
    }

    /// Writes down who was asked about and what the register said, one link for each job, all in one
    /// statement; committed when it returns.
    ///
    /// # Errors
    /// [`TrailError`]. Should the commit have taken effect all the same, the strand ends there and
    /// the next look-up begins a new one.
    pub async fn record(
        &self,
        inquiry: &Inquiry,
        asked: &[(PersonNumber, Arc<JobName>)],
        contacts: &[Contact],
    ) -> Result<(), TrailError> {
        self.append(self.lookups(inquiry, asked, contacts)).await
    }

    /// Writes down what an operator looked up by hand: for no agency and no job.
    ///
    /// # Errors
    /// [`TrailError`]: the answer must not be shown.
    pub async fn record_by_hand(&self, contact: &Contact, why: &str) -> Result<(), TrailError> {
        let mut persons = Persons::default();
        persons.push(self.keys.person(&contact.person), Found::of(contact));
        self.append(vec![Lookup {
            agency: NOBODY.to_owned(),
            job: NOBODY.to_owned(),
            purpose: why.to_owned(),
            persons,
        }])
        .await
    }

    async fn append(&self, lookups: Vec<Lookup>) -> Result<(), TrailError> {
        if lookups.is_empty() {
            return Ok(());
        }
        let mut end = self.end.lock().await;
        let begun = match end.take() {
            Some(end) => end,
            None => End::of_new(self.store.start_strand(self.clock.now()).await?),
        };
        // A clock that is set back must not turn the order around.
        let at = self.clock.now().max(begun.at);
        let mut links: Vec<Link> = Vec::with_capacity(lookups.len());
        for lookup in lookups {
            let last = links.last().map_or(&begun, |link| &link.end);
            links.push(Link::after(last, at, lookup, &self.keys));
        }
        if !self.store.append_audit(&begun, &links).await? {
            return Err(TrailError::Changed);
        }
        *end = links.last().map(|link| link.end);
        Ok(())
    }

    fn lookups(
        &self,
        inquiry: &Inquiry,
        asked: &[(PersonNumber, Arc<JobName>)],
        contacts: &[Contact],
    ) -> Vec<Lookup> {
        let mut jobs: BTreeMap<&str, Persons> = BTreeMap::new();
        for contact in contacts {
            let (hash, found) = (self.keys.person(&contact.person), Found::of(contact));
            let first = asked.partition_point(|(person, _)| *person < contact.person);
            let its = asked.iter().skip(first);
            for (_, job) in its.take_while(|(person, _)| *person == contact.person) {
                jobs.entry(job.as_str()).or_default().push(hash, found);
            }
        }
        let lookup = |(job, persons): (&str, Persons)| Lookup {
            agency: inquiry.agency.as_str().to_owned(),
            job: job.to_owned(),
            purpose: inquiry.purpose.clone(),
            persons,
        };
        jobs.into_iter().map(lookup).collect()
    }
}
