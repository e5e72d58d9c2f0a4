//! Asks the register, for whomever: who is asked about is on the trail before the call leaves us, and
//! what it said before any answer is used.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::contact::Contact;
use crate::domain::person::PersonNumber;
use crate::ports::BoxError;
use crate::ports::register::{Inquiry, Logbook, RegisterError};
use crate::telemetry::record;

use super::deps::Deps;
use super::trail::{ForWhat, TrailError};

/// What a look-up brought.
#[derive(Debug, Default)]
pub struct Answers {
    /// What the register said, of each person once; of everybody unless it `failed`.
    pub contacts: Vec<Contact>,
    /// Why nothing is known of the others. None of this is ever "the recipient cannot be reached".
    pub failed: Option<LookUpError>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// The register gave none.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// It cannot be written down who was asked about; so nobody is, and no answer is used.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The process ends.
    #[error("the look-up was broken off")]
    BrokenOff,
}

/// Asks about `persons`, who are distinct and 1 to 1,000. It goes to its end even if nobody waits
/// for that any more, so that what left us is written down.
pub async fn look_up(
    deps: &Arc<Deps>,
    inquiry: &Inquiry,
    what: &ForWhat,
    persons: &[PersonNumber],
) -> Answers {
    let task = Task {
        deps: Arc::clone(deps),
        inquiry: inquiry.clone(),
        what: what.clone(),
        found: Vec::with_capacity(persons.len()),
    };
    let done = deps.tracker.spawn(task.run(persons.to_vec())).await;
    done.unwrap_or_else(|_broken_off| Answers {
        failed: Some(LookUpError::BrokenOff),
        ..Answers::default()
    })
}

struct Task {
    deps: Arc<Deps>,
    inquiry: Inquiry,
    what: ForWhat,
    found: Vec<Contact>,
}

impl Task {
    async fn run(mut self, persons: Vec<PersonNumber>) -> Answers {
        let failed = self.ask(persons).await.err();
        Answers {
            contacts: self.found,
            failed,
        }
    }

    /// A batch that the register calls wrong is bisected until the number that it means is found,
    /// which alone counts as not registered.
    async fn ask(&mut self, persons: Vec<PersonNumber>) -> Result<(), LookUpError> {
        let mut todo = vec![persons];
        while let Some(batch) = todo.pop() {
            // Nothing leaves us while something that did is not on the trail.
            self.deps.trail.catch_up().await.inspect_err(tell)?;
            record::register_call(batch.len());
            let register = &self.deps.register;
            let mut told = register.lookup(&self.inquiry, &batch, &*self).await;
            let failed = match told.failed.take() {
                Some(RegisterError::Refused) => {
                    let known: HashSet<_> = told.contacts.iter().map(|one| &one.person).collect();
                    let mut rest = batch;
                    rest.retain(|one| !known.contains(one));
                    if rest.len() > 1 {
                        let right = rest.split_off(rest.len() / 2);
                        todo.extend([right, rest]);
                    } else {
                        record::register_error("refused");
                        let rest = rest.into_iter().map(Contact::not_registered);
                        told.contacts.extend(rest);
                    }
                    None
                }
                failed => failed,
            };
            let written = self.deps.trail.record(&self.inquiry, &self.what, &told);
            written.await.inspect_err(tell)?;
            self.found.append(&mut told.contacts);
            if let Some(error) = failed {
                record::register_error(match &error {
                    RegisterError::Forbidden(_) => "forbidden",
                    RegisterError::Unwritten(_) => "unwritten",
                    RegisterError::Unavailable { .. } | RegisterError::Refused => "unavailable",
                });
                return Err(error.into());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Logbook for Task {
    async fn leaving(&self, persons: &[PersonNumber]) -> Result<(), BoxError> {
        let trail = &self.deps.trail;
        let written = trail.announce(&self.inquiry, &self.what, persons).await;
        Ok(written.inspect_err(tell)?)
    }
}

fn tell(error: &TrailError) {
    record::store_error("audit");
    tracing::error!(
        error = error as &dyn std::error::Error,
        "look-ups are not on the trail; nobody is looked up and no answer is used until they are"
    );
}
