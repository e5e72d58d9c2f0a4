//! Puts on file what letters are decided on, before they are sent or withheld.

use std::time::Duration;

use crate::domain::evidence::{self, Outcome};
use crate::domain::kinds::Class;
use crate::domain::time::Timestamp;
use crate::ports::gateway::{Content, Outbound};
use crate::ports::store::{LetterFact, Next, Settlement};
use crate::telemetry::record;

use super::deps::Deps;
use super::gate::{Gate, gate, wait};
use super::ready::{Held, Ready};

/// Letters wait so long when nothing can be put on file.
const LATER: Duration = Duration::from_secs(5);

/// What the gate said of what it was asked about.
#[derive(Debug, Default)]
pub struct Decided {
    /// What may go.
    pub ready: Vec<Ready>,
    /// What becomes of the rest.
    pub shut: Vec<Settlement>,
    facts: Vec<LetterFact>,
}

impl Decided {
    /// Asks the gate about `held` at `now`.
    pub fn add(&mut self, deps: &Deps, held: Held, now: Timestamp) {
        let letter = (held.job.record.rules.class == Class::Letter).then(|| held.clone());
        let gate = gate(held, now);
        if let Some(letter) = letter {
            let (delivery, outcome) = match &gate {
                Gate::Open(ready) => (ready.outbound.delivery, sends(&ready.outbound)),
                Gate::Shut(settlement) => (settlement.delivery, shuts(&settlement.next)),
            };
            let steady = deps.clock.monotonic();
            let contact = letter
                .contact
                .as_ref()
                .map(|(contact, asked)| (contact.as_ref(), now.minus(steady.since(*asked))));
            let rules = &letter.job.record.rules;
            let data = evidence::decision(rules, contact, letter.opted_out, now, &outcome);
            self.facts.push(LetterFact {
                delivery,
                at: now,
                data: data.to_string(),
            });
        }
        match gate {
            Gate::Open(ready) => self.ready.push(ready),
            Gate::Shut(settlement) => self.shut.push(settlement),
        }
    }

    /// Puts the letters on file; what cannot be put on file waits.
    pub async fn file(mut self, deps: &Deps, now: Timestamp) -> (Vec<Ready>, Vec<Settlement>) {
        if self.facts.is_empty() {
            return (self.ready, self.shut);
        }
        if let Err(error) = deps.store.put_letter_facts(&self.facts).await {
            record::store_error("evidence");
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                letters = self.facts.len(),
                "cannot put on file what letters are decided on; they wait"
            );
            let is_letter = |ready: &Ready| ready.held.job.record.rules.class == Class::Letter;
            let (letters, others) = self.ready.into_iter().partition(is_letter);
            self.ready = others;
            let letters: Vec<Ready> = letters;
            let waits = letters
                .iter()
                .map(|one| wait(&one.held, now.plus(LATER), now));
            self.shut.extend(waits);
        }
        (self.ready, self.shut)
    }
}

fn sends(outbound: &Outbound) -> Outcome {
    let text = match &outbound.content {
        Content::Sms { text, .. } => evidence::digest(&[text]),
        Content::Email {
            subject,
            text,
            html,
            ..
        } => match html {
            Some(html) => evidence::digest(&[subject, text, html]),
            None => evidence::digest(&[subject, text]),
        },
    };
    Outcome::Send {
        channel: outbound.channel(),
        text,
    }
}

fn shuts(next: &Next) -> Outcome {
    match next {
        Next::Settled { reason, .. } => Outcome::Withhold { reason: *reason },
        Next::Wait { due, .. } => Outcome::Wait { until: *due },
        Next::AwaitReceipt { until } => Outcome::Wait { until: *until },
        Next::Fallback { reason, .. } => Outcome::OtherChannel { reason: *reason },
    }
}

/// Puts on file what receipts said of letters. What cannot be is told; the deliveries' own rows say
/// it all the same.
pub async fn file_receipts(deps: &Deps, gateway: &str, applied: &[Settlement]) {
    let fact = |settlement: &Settlement| {
        let (status, reason) = match &settlement.next {
            Next::Settled { status, reason, .. } => (*status, *reason),
            Next::Fallback { reason, .. } => (crate::domain::status::Status::Failed, Some(*reason)),
            Next::Wait { .. } | Next::AwaitReceipt { .. } => return None,
        };
        (settlement.label.class == Class::Letter).then(|| LetterFact {
            delivery: settlement.delivery,
            at: settlement.at,
            data: evidence::receipt(gateway, status, reason).to_string(),
        })
    };
    let facts: Vec<LetterFact> = applied.iter().filter_map(fact).collect();
    if facts.is_empty() {
        return;
    }
    if let Err(error) = deps.store.put_letter_facts(&facts).await {
        record::store_error("evidence");
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            letters = facts.len(),
            "cannot put on file what receipts said of letters"
        );
    }
}
