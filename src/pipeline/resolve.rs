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

use super::deps::Deps;
use super::gate::wait;
use super::look_up::{LookUpError, look_up};
use super::ready::Held;
use super::trail::{Asked, ForWhat};

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
            let what = ForWhat::Jobs(Arc::new(whom));
            for batch in persons.chunks(MAX_BATCH) {
                // An answer is as old as its question: what the register said may have changed
                // since then.
                let asked = self.deps.clock.monotonic();
                let answers = look_up(&self.deps, &inquiry, &what, batch).await;
                self.keep(agency, answers.contacts, asked);
                if let Some(error) = answers.failed {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        persons = batch.len(),
                        "no answer from the register; the batch waits"
                    );
                    failed.insert(inquiry.clone(), self.pause_after(&error));
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

    /// Writes down what could not be when it happened, and forgets answers that may not be used any
    /// more (never kept longer than five minutes).
    pub async fn tidy(&self) {
        if let Err(error) = self.deps.trail.catch_up().await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "look-ups are still not on the trail"
            );
        }
        let now = self.deps.clock.monotonic();
        let fresh = self.deps.policy.register_fresh;
        self.answers
            .lock()
            .retain(|_, (_, at)| now.since(*at) < fresh);
        self.deps.changed.forget_old(now, fresh);
    }

    /// How long those wait of whom nothing is known.
    fn pause_after(&self, error: &LookUpError) -> Duration {
        let jitter = 1.0 + self.deps.entropy.unit();
        let soon = Duration::from_secs(5).mul_f64(jitter);
        match error {
            LookUpError::Register(RegisterError::Unavailable { retry_after, .. }) => {
                retry_after.map_or(soon, |wait| wait.min(Duration::from_hours(1)))
            }
            LookUpError::Register(RegisterError::Forbidden(_)) => {
                Duration::from_mins(1).mul_f64(jitter)
            }
            LookUpError::Register(RegisterError::Refused | RegisterError::Unwritten(_))
            | LookUpError::Trail(_)
            | LookUpError::BrokenOff => soon,
        }
    }
}

fn inquiry_of(held: &Held) -> Inquiry {
    Inquiry {
        agency: held.job.agency.id.clone(),
        purpose: held.job.record.rules.purpose.clone().unwrap_or_default(),
    }
}
