//! Delivery reports: in any order, twice, before the outcome is written, or about nothing known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::contact::Contact;
use crate::domain::job::To;
use crate::domain::opt_out::OptedOut;
use crate::domain::person::PersonNumber;
use crate::domain::plan::{self, Case, Verdict};
use crate::domain::receipt::{self, Receipt, ReceiptStatus};
use crate::domain::state::State;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;
use crate::ports::register::{Inquiry, MAX_BATCH};
use crate::ports::store::{FoundTry, Guard, JobRecord, Label, Next, Settlement, StoreError};
use crate::telemetry::record;

use super::deps::Deps;
use super::labels::Labels;
use super::letters::file_receipts;
use super::look_up::look_up;
use super::reports::{Reports, Turn};
use super::settle::tell;
use super::trail::{Asked, ForWhat};

/// So old a message may be whose receipt speaks of it by the gateway's own id alone: gateways try for
/// a week or two at most.
pub(super) const TRIED_FOR: Duration = Duration::from_hours(30 * 24);

/// What could not be applied, by its place.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Its try is known, but open, or it changed under our hands.
    pub(super) early: Vec<usize>,
    /// No try is known.
    pub(super) unknown: Vec<usize>,
}

/// Takes receipts in.
#[derive(Debug, Clone)]
pub struct Receipts {
    pub(super) deps: Arc<Deps>,
    reports: Arc<Reports>,
}

impl Receipts {
    /// Over these ports.
    pub fn new(deps: Arc<Deps>) -> Self {
        Self {
            deps,
            reports: Arc::default(),
        }
    }

    /// Takes a gateway's receipts in: applied, or parked until their try is found and settled. Done
    /// when nothing of them can be lost.
    ///
    /// # Errors
    /// [`StoreError`]: the gateway must send them again.
    pub async fn take(&self, gateway: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        // What was not delivered may be asked about at the register: nobody else waits for that.
        let may_ask = |one: &Receipt| {
            !matches!(
                one.status,
                ReceiptStatus::Accepted | ReceiptStatus::Delivered
            )
        };
        if receipts.iter().any(may_ask) {
            return self.store(gateway, receipts).await;
        }
        let receipts: Arc<[Receipt]> = receipts.into();
        match self.reports.turn(gateway, &receipts).await {
            Turn::Stored => Ok(()),
            Turn::Away => Err(StoreError::Unavailable(
                "it could not be reached a moment ago".into(),
            )),
            Turn::Alone => self.store(gateway, receipts.to_vec()).await,
            Turn::Store(together) => match self.store(gateway, together.receipts()).await {
                Ok(()) => {
                    together.stored();
                    Ok(())
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    together.away();
                    Err(error)
                }
                Err(_others) => {
                    drop(together);
                    self.store(gateway, receipts.to_vec()).await
                }
            },
        }
    }

    async fn store(&self, gateway: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        let at = self.deps.clock.now();
        let open = self
            .apply(gateway, &receipts, at.minus(TRIED_FOR), at)
            .await?;
        let parked: Vec<Receipt> = (open.early.iter().chain(&open.unknown))
            .map(|index| receipts[*index].clone())
            .collect();
        if !parked.is_empty() {
            record::receipts("parked", parked.len());
            self.deps.store.park(gateway, &parked, at).await?;
        }
        Ok(())
    }

    /// Applies what can be applied to tries that began at `not_before` or later; returns the others.
    pub(super) async fn apply(
        &self,
        gateway: &str,
        receipts: &[Receipt],
        not_before: Timestamp,
        at: Timestamp,
    ) -> Result<Open, StoreError> {
        let keys: Vec<_> = receipts.iter().map(|receipt| receipt.key.clone()).collect();
        let found = self
            .deps
            .store
            .find_tries(gateway, &keys, not_before)
            .await?;
        let known = found.iter().flatten().map(|found| found.delivery);
        let labels = Labels::load(&self.deps, known).await?;
        let contacts = self.ask_about_failed(receipts, &found, &labels, at).await;
        let mut open = Open::default();
        let mut applied: Vec<(usize, Settlement)> = Vec::new();
        let mut taken = HashSet::new();
        for (index, (receipt, found)) in receipts.iter().zip(&found).enumerate() {
            let Some(found) = found else {
                open.unknown.push(index);
                continue;
            };
            // Early, or the second about the same delivery in this pass: it is read anew later.
            if found.open_try || found.state == State::Claimed || taken.contains(&found.delivery) {
                open.early.push(index);
                continue;
            }
            let Some((record, label)) = labels.of(found.delivery) else {
                continue;
            };
            match self.next(found, receipt, record, &labels, &contacts, at) {
                Some(next) => {
                    taken.insert(found.delivery);
                    // Some gateways write 1970 for "unknown".
                    let said = receipt.at.filter(|said| *said >= record.accepted_at);
                    let when = said.unwrap_or(at).min(at);
                    applied.push((index, settlement(found, next, label, when)));
                }
                None => record::receipts("repeated", 1),
            }
        }
        open.early.extend(self.settle(gateway, applied).await?);
        Ok(open)
    }

    /// Writes what receipts change, at once: a gateway is answered only when nothing can be lost.
    /// Returns the indexes of those that changed meanwhile under our hands.
    async fn settle(
        &self,
        gateway: &str,
        applied: Vec<(usize, Settlement)>,
    ) -> Result<Vec<usize>, StoreError> {
        if applied.is_empty() {
            return Ok(Vec::new());
        }
        let (indexes, settlements): (Vec<usize>, Vec<Settlement>) = applied.into_iter().unzip();
        let report = self.deps.store.settle(settlements.clone()).await?;
        record::receipts("applied", settlements.len() - report.fenced.len());
        tell(&self.deps, &settlements, &report);
        let written: Vec<Settlement> = settlements
            .into_iter()
            .enumerate()
            .filter(|(index, _)| !report.fenced.contains(index))
            .map(|(_, settlement)| settlement)
            .collect();
        file_receipts(&self.deps, gateway, &written).await;
        Ok(report
            .fenced
            .iter()
            .map(|fenced| indexes[*fenced])
            .collect())
    }

    /// What the register says now of persons who were not reached, so that the plan can tell
    /// whether the other channel may be tried. Without an answer there is no fallback.
    async fn ask_about_failed(
        &self,
        receipts: &[Receipt],
        found: &[Option<FoundTry>],
        labels: &Labels,
        at: Timestamp,
    ) -> HashMap<PersonNumber, Contact> {
        let mut asked: BTreeMap<Inquiry, Asked> = BTreeMap::new();
        for (receipt, found) in receipts.iter().zip(found) {
            let Some(found) = found else { continue };
            let Some((record, label)) = labels.of(found.delivery) else {
                continue;
            };
            if self.fails(found, receipt)
                && self.may_fall_back(found, record, at)
                && let Some(person) = labels.person(found.delivery)
                && let Some(agency) = self.deps.directory.by_no(record.agency)
            {
                let purpose = record.rules.purpose.clone().unwrap_or_default();
                let inquiry = Inquiry {
                    agency: agency.id.clone(),
                    purpose,
                };
                asked
                    .entry(inquiry)
                    .or_default()
                    .push((person.clone(), label.job));
            }
        }
        let mut contacts = HashMap::new();
        for (inquiry, mut whom) in asked {
            whom.sort_unstable();
            whom.dedup();
            let mut persons: Vec<PersonNumber> = whom.iter().map(|(one, _)| one.clone()).collect();
            persons.dedup();
            let what = ForWhat::Jobs(Arc::new(whom));
            for batch in persons.chunks(MAX_BATCH) {
                let answers = look_up(&self.deps, &inquiry, &what, batch).await;
                let known = answers.contacts.into_iter();
                contacts.extend(known.map(|contact| (contact.person.clone(), contact)));
                if let Some(error) = answers.failed {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "no answer from the register about persons who were not reached; the other channel is not tried"
                    );
                }
            }
        }
        contacts
    }

    fn fails(&self, found: &FoundTry, receipt: &Receipt) -> bool {
        receipt::merge(found.state.status(false), receipt.status)
            .is_some_and(|(status, _)| status == Status::Failed)
    }

    /// What a receipt makes of a delivery; `None`: nothing new.
    fn next(
        &self,
        found: &FoundTry,
        receipt: &Receipt,
        record: &JobRecord,
        labels: &Labels,
        contacts: &HashMap<PersonNumber, Contact>,
        at: Timestamp,
    ) -> Option<Next> {
        let (status, reason) = receipt::merge(found.state.status(false), receipt.status)?;
        let contact = labels
            .person(found.delivery)
            .and_then(|person| contacts.get(person));
        if status == Status::Failed
            && let Some(contact) = contact
            && self.other_channel_goes(found, record, contact, at)
        {
            return Some(Next::Fallback {
                reason: reason.unwrap_or(Reason::Unreachable),
                due: at,
            });
        }
        Some(Next::Settled {
            status,
            reason,
            channel_chosen: true,
            possible_duplicate: found.slot > 0,
            covered_by: None,
        })
    }

    /// Whether a person who was not reached on the preferred channel may be tried on the other.
    fn may_fall_back(&self, found: &FoundTry, record: &JobRecord, at: Timestamp) -> bool {
        let Some(agency) = self.deps.directory.by_no(record.agency) else {
            return false;
        };
        let rules = &record.rules;
        let occasion = found.delivery.occasion();
        rules.channel.falls_back()
            && found.delivery.channel() == rules.channel.first()
            && record.cancelled_at.is_none()
            && at < plan::deadline(rules, record.accepted_at, occasion, &agency.hours)
    }

    fn other_channel_goes(
        &self,
        found: &FoundTry,
        record: &JobRecord,
        contact: &Contact,
        at: Timestamp,
    ) -> bool {
        let Some(agency) = self.deps.directory.by_no(record.agency) else {
            return false;
        };
        let to = To::Person(contact.person.clone());
        let case = Case {
            rules: &record.rules,
            accepted_at: record.accepted_at,
            cancelled: record.cancelled_at.is_some(),
            to: Some(&to),
            contact: Some(contact),
            // Asked when the fallback is claimed.
            opted_out: OptedOut::NOTHING,
            opened: false,
            occasion: found.delivery.occasion(),
            channel: found.delivery.channel().other(),
            fixed: true,
            hours: &agency.hours,
            now: at,
        };
        matches!(
            plan::decide(&case),
            Verdict::Send { .. } | Verdict::Wait { .. }
        )
    }
}

fn settlement(found: &FoundTry, next: Next, label: Label, at: Timestamp) -> Settlement {
    Settlement {
        delivery: found.delivery,
        guard: Guard::Unclaimed {
            state: found.state,
            version: found.version,
            due: found.due,
        },
        tried: None,
        next,
        label,
        at,
    }
}
