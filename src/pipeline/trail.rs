//! The trail of look-ups: nobody is asked about, and nothing that the register said is used, before
//! it is on the trail.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::audit::{AuditKeys, End, Found, Link, Lookup, Persons};
use crate::domain::contact::Contact;
use crate::domain::ids::JobName;
use crate::domain::person::PersonNumber;
use crate::ports::clock::Clock;
use crate::ports::register::{Inquiry, LookedUp};
use crate::ports::store::{Store, StoreError};

/// Whom a call asks about, and for which jobs; sorted by person.
pub type Asked = Vec<(PersonNumber, Arc<JobName>)>;

/// What people are looked up for.
#[derive(Debug, Clone)]
pub enum ForWhat {
    /// Messages of these jobs.
    Jobs(Arc<Asked>),
    /// No job: the person looks at what is held about them.
    NoJob,
}

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

/// Stands for agency and job where there is none; no id is spelt like that.
const NOBODY: &str = "-";

/// This process's strand.
#[derive(Debug)]
pub struct Trail {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keys: AuditKeys,
    strand: tokio::sync::Mutex<Strand>,
}

/// Where we stand with the strand.
#[derive(Debug, Default)]
struct Strand {
    /// Where it ends; `None`: not begun.
    end: Option<End>,
    /// Links after `end` of which nobody knows whether they were written.
    in_doubt: Vec<Link>,
    /// What is to be written after those.
    owed: Vec<Lookup>,
}

impl Trail {
    /// A trail whose strand begins with its first look-up.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, keys: AuditKeys) -> Self {
        Self {
            store,
            clock,
            keys,
            strand: tokio::sync::Mutex::default(),
        }
    }

    /// Writes down who is about to be asked about, one link for each job, all in one statement;
    /// committed when it returns.
    ///
    /// # Errors
    /// [`TrailError`]: nobody may be asked about.
    pub async fn announce(
        &self,
        inquiry: &Inquiry,
        what: &ForWhat,
        persons: &[PersonNumber],
    ) -> Result<(), TrailError> {
        let asked = |person: &PersonNumber| (person.clone(), Found::Asked);
        let rows: Vec<_> = persons.iter().map(asked).collect();
        self.append(self.lookups(inquiry, what, &rows)).await
    }

    /// Writes down who was asked about and what came of it, one link for each job, all in one
    /// statement; committed when it returns.
    ///
    /// # Errors
    /// [`TrailError`]. It is kept in memory, and written before anything else is.
    pub async fn record(
        &self,
        inquiry: &Inquiry,
        what: &ForWhat,
        told: &LookedUp,
    ) -> Result<(), TrailError> {
        let said = |contact: &Contact| (contact.person.clone(), Found::of(contact));
        let mut rows: Vec<_> = told.contacts.iter().map(said).collect();
        rows.extend_from_slice(&told.besides);
        self.append(self.lookups(inquiry, what, &rows)).await
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

    /// Writes what could not be written when it happened.
    ///
    /// # Errors
    /// [`TrailError`]: nobody else may be looked up.
    pub async fn catch_up(&self) -> Result<(), TrailError> {
        self.append(Vec::new()).await
    }

    async fn append(&self, mut lookups: Vec<Lookup>) -> Result<(), TrailError> {
        let mut strand = self.strand.lock().await;
        strand.owed.append(&mut lookups);
        if !strand.in_doubt.is_empty() {
            self.write(&mut strand).await?;
        }
        if strand.owed.is_empty() {
            return Ok(());
        }
        let begun = match strand.end {
            Some(end) => end,
            None => End::of_new(self.store.start_strand(self.clock.now()).await?),
        };
        strand.end = Some(begun);
        // A clock that is set back must not turn the order around.
        let at = self.clock.now().max(begun.at);
        let mut links: Vec<Link> = Vec::with_capacity(strand.owed.len());
        for lookup in strand.owed.drain(..) {
            let last = links.last().map_or(&begun, |link| &link.end);
            links.push(Link::after(last, at, lookup, &self.keys));
        }
        strand.in_doubt = links;
        self.write(&mut strand).await
    }

    /// Writes the links in doubt, unless they were written already.
    async fn write(&self, strand: &mut Strand) -> Result<(), TrailError> {
        let (Some(end), Some(last)) = (strand.end, strand.in_doubt.last()) else {
            return Ok(());
        };
        let last = last.end;
        if !self.store.append_audit(&end, &strand.in_doubt).await? {
            let many = u32::try_from(strand.in_doubt.len()).unwrap_or(u32::MAX);
            let there = self.store.links(end.strand, end.no, many).await?;
            if there != strand.in_doubt {
                // A strand of our own for them, next time.
                strand.end = None;
                let lookups = strand.in_doubt.drain(..).map(|link| link.lookup);
                let lookups: Vec<Lookup> = lookups.collect();
                strand.owed.splice(0..0, lookups);
                return Err(TrailError::Changed);
            }
        }
        strand.in_doubt.clear();
        strand.end = Some(last);
        Ok(())
    }

    fn lookups(
        &self,
        inquiry: &Inquiry,
        what: &ForWhat,
        rows: &[(PersonNumber, Found)],
    ) -> Vec<Lookup> {
        let mut jobs: BTreeMap<&str, Persons> = BTreeMap::new();
        for (person, found) in rows {
            let hash = self.keys.person(person);
            let mut push = |job| jobs.entry(job).or_default().push(hash, *found);
            match what {
                ForWhat::NoJob => push(NOBODY),
                ForWhat::Jobs(asked) => {
                    let first = asked.partition_point(|(one, _)| one < person);
                    let its = asked.iter().skip(first);
                    its.take_while(|(one, _)| one == person)
                        .for_each(|(_, job)| push(job.as_str()));
                }
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
