//! Asks the register about claimed persons, in batches, for every sending.
//!
//! Answers at most five minutes old are used again from memory, so that resolving in thousands and
//! sending in dozens fit together. A register that is down is never "the recipient cannot be
//! reached": the batch waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::contact::Contact;
use crate::domain::ids::AgencyNo;
use crate::domain::job::To;
use crate::domain::person::PersonNumber;
use crate::ports::clock::Monotonic;
use crate::ports::register::{Inquiry, MAX_BATCH, RegisterError};
use crate::ports::store::Settlement;
use crate::telemetry::record;

use super::deps::Deps;
use super::gate::wait;
use super::ready::Held;
use super::trail::Asked;

/// Answers kept at most; each is a few hundred bytes.
const ANSWERS_KEPT: usize = 50_000;

type Answers = HashMap<(AgencyNo, PersonNumber), (Arc<Contact>, Monotonic)>;

/// Asks the register.
#[derive(Debug)]
pub struct Resolver {
    deps: Arc<Deps>,
    answers: Mutex<Answers>,
}

impl Resolver {
    /// A resolver with an empty memory.
    pub fn new(deps: Arc<Deps>) -> Self {
        Self {
            deps,
            answers: Mutex::default(),
        }
    }

    /// Gives every person an answer of at most five minutes ago. What could not be resolved comes
    /// back as settlements: it waits.
    pub async fn resolve(&self, mut held: Vec<Held>) -> (Vec<Held>, Vec<Settlement>) {
        let now = self.deps.clock.monotonic();
        let fresh = self.deps.policy.register_fresh;
        let asked = self.missing(&mut held, now);
        let mut failed: HashMap<Inquiry, Duration> = HashMap::new();
        for (inquiry, (agency, whom)) in asked {
            let mut persons: Vec<PersonNumber> = whom.iter().map(|(one, _)| one.clone()).collect();
            persons.dedup();
            for batch in persons.chunks(MAX_BATCH) {
                // An answer is as old as its question: what the register said may have changed
                // since then.
                let asked = self.deps.clock.monotonic();
                let mut answers = Vec::with_capacity(batch.len());
                let mut pause = self.ask(&inquiry, batch, &mut answers).await.err();
                match self.write_down(&inquiry, &whom, &answers).await {
                    Ok(()) => self.keep(agency, answers, asked),
                    Err(later) => pause = Some(pause.map_or(later, |pause| pause.max(later))),
                }
                if let Some(pause) = pause {
                    failed.insert(inquiry.clone(), pause);
                    break;
                }
            }
        }
        let at = self.deps.clock.now();
        let now = self.deps.clock.monotonic();
        let mut resolved = Vec::with_capacity(held.len());
        let mut waiting = Vec::new();
        for mut one in held {
            self.answer(&mut one);
            if one.needs_lookup(now, fresh) {
                let pause = failed
                    .get(&inquiry_of(&one))
                    .copied()
                    .unwrap_or(Duration::from_secs(1));
                waiting.push(wait(&one, at.plus(pause), at));
            } else {
                resolved.push(one);
            }
        }
        (resolved, waiting)
    }

    /// Puts a look-up on the trail; without that its answers are not used. `Err` is how long to wait.
    async fn write_down(
        &self,
        inquiry: &Inquiry,
        whom: &Asked,
        answers: &[Contact],
    ) -> Result<(), Duration> {
        let written = self.deps.trail.record(inquiry, whom, answers).await;
        written.map_err(|error| {
            record::store_error("audit");
            tracing::error!(
                error = &error as &dyn std::error::Error,
                persons = answers.len(),
                "a look-up is not on the trail; its answers are not used, and the batch waits"
            );
            Duration::from_secs(5).mul_f64(1.0 + self.deps.entropy.unit())
        })
    }

    /// Who must be asked about, by inquiry, and for which jobs; sorted and distinct.
    fn missing(&self, held: &mut [Held], now: Monotonic) -> BTreeMap<Inquiry, (AgencyNo, Asked)> {
        let fresh = self.deps.policy.register_fresh;
        let mut asked: BTreeMap<Inquiry, (AgencyNo, Asked)> = BTreeMap::new();
        for one in held {
            self.answer(one);
            if one.needs_lookup(now, fresh)
                && let Some(To::Person(person)) = &one.to
            {
                let entry = asked.entry(inquiry_of(one));
                entry
                    .or_insert_with(|| (one.claimed.agency, Vec::new()))
                    .1
                    .push((person.clone(), Arc::clone(&one.job.name)));
            }
        }
        for (_, whom) in asked.values_mut() {
            whom.sort_unstable();
            whom.dedup();
        }
        asked
    }

    fn answer(&self, held: &mut Held) {
        if let Some(To::Person(person)) = &held.to {
            let key = (held.claimed.agency, person.clone());
            if let Some((contact, at)) = self.answers.lock().get(&key)
                && !self.deps.changed.is_after(person, *at)
            {
                held.contact = Some((Arc::clone(contact), *at));
            }
        }
    }

    fn keep(&self, agency: AgencyNo, contacts: Vec<Contact>, asked: Monotonic) {
        let now = self.deps.clock.monotonic();
        let fresh = self.deps.policy.register_fresh;
        let mut answers = self.answers.lock();
        // The oldest go first: what was looked up last is most likely still to be sent.
        for age in [fresh, fresh / 2, fresh / 4, fresh / 16, Duration::ZERO] {
            if answers.len() + contacts.len() > ANSWERS_KEPT {
                answers.retain(|_, (_, at)| now.since(*at) < age);
            }
        }
        for contact in contacts {
            answers.insert((agency, contact.person.clone()), (Arc::new(contact), asked));
        }
    }

    /// Forgets answers that may not be used any more (never kept longer than five minutes).
    pub fn forget_old(&self) {
        let now = self.deps.clock.monotonic();
        let fresh = self.deps.policy.register_fresh;
        self.answers
            .lock()
            .retain(|_, (_, at)| now.since(*at) < fresh);
        self.deps.changed.forget_old(now, fresh);
    }

    /// One batch; a batch that the register calls wrong is bisected until the number that it means
    /// is found, which alone counts as not registered. `Err` is how long to wait for those who were not
    /// `found`.
    async fn ask(
        &self,
        inquiry: &Inquiry,
        persons: &[PersonNumber],
        found: &mut Vec<Contact>,
    ) -> Result<(), Duration> {
        let mut todo = vec![persons];
        while let Some(batch) = todo.pop() {
            record::register_call(batch.len());
            match self.deps.register.lookup(inquiry, batch).await {
                Ok(contacts) => found.extend(contacts),
                Err(RegisterError::Refused) if batch.len() == 1 => {
                    record::register_error("refused");
                    found.extend(batch.iter().cloned().map(Contact::not_registered));
                }
                Err(RegisterError::Refused) => {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    todo.extend([right, left]);
                }
                Err(error) => {
                    record::register_error(match &error {
                        RegisterError::Forbidden(_) => "forbidden",
                        RegisterError::Unavailable { .. } | RegisterError::Refused => "unavailable",
                    });
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        persons = batch.len(),
                        "no answer from the register; the batch waits"
                    );
                    return Err(self.pause_after(&error));
                }
            }
        }
        Ok(())
    }

    fn pause_after(&self, error: &RegisterError) -> Duration {
        let jitter = 1.0 + self.deps.entropy.unit();
        match error {
            RegisterError::Unavailable {
                retry_after: Some(wait),
                ..
            } => (*wait).min(Duration::from_hours(1)),
            RegisterError::Unavailable {
                retry_after: None, ..
            }
            | RegisterError::Refused => Duration::from_secs(5).mul_f64(jitter),
            RegisterError::Forbidden(_) => Duration::from_secs(60).mul_f64(jitter),
        }
    }
}

fn inquiry_of(held: &Held) -> Inquiry {
    Inquiry {
        agency: held.job.agency.id.clone(),
        purpose: held.job.record.rules.purpose.clone().unwrap_or_default(),
    }
}
