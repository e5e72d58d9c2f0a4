//! What can be seen from outside, written down as it happens; [`super::verdict`] judges it.

use std::collections::{BTreeMap, BTreeSet};

use budstikke::domain::audit::PersonHash;
use budstikke::domain::contact::Contact;
use budstikke::domain::event::Event;
use budstikke::domain::ids::{AgencyId, AgencyNo, DeliveryId, JobName, JobNo, Position, Reference};
use budstikke::domain::kinds::Channel;
use budstikke::domain::outcome::Outcome;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::receipt::ReceiptStatus;
use budstikke::ports::gateway::{Content, Outbound};
use budstikke::ports::store::{
    Acceptance, IntentBatch, Intents, JobState, JobView, NewJob, Next, Reaped, SettleReport,
    Settlement,
};

use super::outside::Outside;
use super::time::{Life, note};
use super::workload::Spec;

/// A job and what is known of it.
#[derive(Debug)]
pub struct Known {
    pub spec: Spec,
    /// The publisher had its confirm: it must end well.
    pub obliged: bool,
    pub no: Option<JobNo>,
    /// When it was stored, in simulated microseconds.
    pub stored: u64,
    /// The cancel was committed then.
    pub cancelled: Option<u64>,
    /// So many cancels came before the job itself.
    pub overtaken: u32,
    /// And so many when it was there already: one of them may be an earlier one, tried again after
    /// its first answer was lost.
    pub too_late: u32,
    /// Opened by these recipients.
    pub opened: BTreeSet<Position>,
}

/// One request to a gateway.
#[derive(Debug)]
pub struct Wire {
    pub at: u64,
    pub life: Life,
    pub gateway: String,
    pub delivery: DeliveryId,
    pub cost: u32,
    /// When the gateway took it over.
    pub taken: Option<u64>,
    /// Nobody on our side can know: no answer, or nobody lived to hear it.
    pub ambiguous: bool,
    /// What the gateway reports, or will.
    pub reported: Vec<ReceiptStatus>,
}

/// The store's clock was set.
#[derive(Debug, Clone, Copy)]
pub struct ClockSet {
    pub at: u64,
    /// How far it was off before, in microseconds.
    pub before: i64,
    pub by: i64,
}

/// How often a call about somebody was to be made, and was made.
#[derive(Debug, Default)]
pub struct Asked {
    pub meant: u32,
    pub left: u32,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Oracle {
    pub jobs: BTreeMap<(usize, String), Known>,
    pub names: BTreeMap<JobNo, (usize, String)>,
    pub wires: Vec<Wire>,
    /// How many tries were committed, per delivery.
    pub grants: BTreeMap<DeliveryId, u32>,
    /// What a life was told of a person, and when it asked.
    pub answers: BTreeMap<(Life, usize, PersonNumber), Vec<(u64, Contact)>>,
    /// Calls to the register by life: for which agency, about whom, and what it was told.
    pub calls: BTreeMap<(Life, (String, PersonHash, &'static str)), u32>,
    /// Calls to the register: for which agency, about whom.
    pub asked: BTreeMap<(String, PersonHash), Asked>,
    /// By agency, in the order of arrival.
    pub inboxes: BTreeMap<usize, Vec<Event>>,
    /// Lives that were killed, paused, or taken for dead, with when.
    pub troubled: BTreeMap<Life, Vec<u64>>,
    pub clock_sets: Vec<ClockSet>,
}

impl Outside {
    pub fn accepted(&self, jobs: &[NewJob], answers: &[Acceptance]) {
        for (job, answer) in jobs.iter().zip(answers) {
            let key = (
                self.agency_index(job.agency),
                job.job.name.as_str().to_owned(),
            );
            note!(
                self.sim,
                "job {} of agency {}: {}",
                key.1,
                key.0,
                word(answer)
            );
            let now = self.sim.now();
            let mut state = self.state.lock();
            match answer {
                Acceptance::Accepted { job: no, .. } => {
                    state.oracle.names.insert(*no, key.clone());
                    let known = state.oracle.jobs.get_mut(&key);
                    let Some(known) = known else {
                        drop(state);
                        self.violation(format!("I-2: a job {} that nobody enqueued", key.1));
                        continue;
                    };
                    let again = known.no.replace(*no);
                    known.stored = now;
                    if again.is_some() {
                        drop(state);
                        self.violation(format!("job {} was stored twice", key.1));
                    }
                }
                Acceptance::Repeated(_) => *state.counts.entry("repeated job").or_default() += 1,
                Acceptance::Conflict => {
                    drop(state);
                    self.violation(format!("job {} conflicts with itself", key.1));
                }
            }
        }
    }

    pub fn cancelled(&self, agency: AgencyNo, name: &JobName, view: Option<&JobView>) {
        let key = (self.agency_index(agency), name.as_str().to_owned());
        if view.is_none() {
            self.count("cancel that overtook its job");
            if let Some(known) = self.state.lock().oracle.jobs.get_mut(&key) {
                known.overtaken += 1;
            }
        }
        if view.is_none_or(|view| view.state != JobState::Cancelled) {
            if let Some(known) = self.state.lock().oracle.jobs.get_mut(&key) {
                known.too_late += u32::from(view.is_some());
            }
            return;
        }
        note!(self.sim, "job {} is cancelled", key.1);
        self.count("job cancelled");
        let now = self.sim.now();
        if let Some(known) = self.state.lock().oracle.jobs.get_mut(&key) {
            known.cancelled.get_or_insert(now);
        }
    }

    pub fn opened(&self, agency: AgencyNo, name: &JobName, reference: &Reference) {
        let key = (self.agency_index(agency), name.as_str().to_owned());
        if let Some(known) = self.state.lock().oracle.jobs.get_mut(&key)
            && let Ok(position) = reference.as_str().parse::<Position>()
        {
            known.opened.insert(position - 1);
        }
    }

    pub fn intended(&self, life: Life, batch: &IntentBatch, intents: &Intents) {
        for granted in &intents.granted {
            let entry = &batch.entries[granted.index];
            let delivery = entry.delivery.on(entry.channel);
            note!(
                self.sim,
                "w{life} intends {delivery} slot {} try {} by {} in {:?}",
                entry.slot,
                entry.attempt,
                batch.gateway,
                granted.starts_in
            );
            if entry.slot > 1 {
                self.violation(format!("I-3: a third slot for {delivery}"));
            }
            let mut state = self.state.lock();
            *state.oracle.grants.entry(delivery).or_default() += 1;
            let name = state.oracle.names.get(&delivery.job()).cloned();
            let known = name.and_then(|name| state.oracle.jobs.get(&name));
            let revoked = known.is_none_or(|known| known.cancelled.is_some());
            let opened = known.is_some_and(|known| known.opened.contains(&delivery.position()));
            let agency = known.map(|known| AgencyNo(known.spec.agency as i32 + 1));
            let stopped = state.stopped.contains_key(&None) || state.stopped.contains_key(&agency);
            drop(state);
            if revoked {
                self.violation(format!(
                    "I-11: an intent of {delivery} after its job was cancelled"
                ));
            }
            if opened && delivery.occasion() > 0 {
                self.violation(format!(
                    "an intent of reminder {delivery} after the letter was opened"
                ));
            }
            if stopped {
                self.violation(format!(
                    "an intent of {delivery} although its agency is stopped"
                ));
            }
        }
        if !intents.refused.is_empty() {
            note!(self.sim, "w{life} is refused {:?}", intents.refused);
        }
    }

    pub fn settled(&self, life: Life, settlements: &[Settlement], report: &SettleReport) {
        for (index, settlement) in settlements.iter().enumerate() {
            let delivery = settlement.delivery;
            let outcome = settlement.tried.as_ref().map(|tried| tried.outcome);
            if report.fenced.contains(&index) {
                note!(
                    self.sim,
                    "w{life} is fenced from {delivery} {outcome:?} {:?}",
                    settlement.guard
                );
                self.count("fenced write");
                continue;
            }
            match &settlement.next {
                Next::Settled { status, reason, .. } => {
                    note!(
                        self.sim,
                        "w{life} settles {delivery} {outcome:?} {status} {reason:?}"
                    );
                }
                Next::Wait { due, slot, .. } => {
                    let wait = due.since(settlement.at).as_secs_f64();
                    note!(
                        self.sim,
                        "w{life} {delivery} {outcome:?} waits {wait:.1} s, slot {slot}"
                    );
                    if *slot > 0 {
                        self.count("second slot");
                    }
                }
                Next::AwaitReceipt { .. } => {
                    note!(self.sim, "w{life} {delivery} {outcome:?} is unknown");
                    self.count("unknown try");
                }
                Next::Fallback { reason, .. } => {
                    note!(
                        self.sim,
                        "w{life} {delivery} {outcome:?} falls back, {reason}"
                    );
                    self.count("fallback");
                }
            }
        }
    }

    pub fn reaped(&self, reaped: Reaped) {
        self.count("dead worker found");
        if reaped.unknown > 0 {
            self.count("open try of a dead worker");
        }
    }

    pub fn looked_up(&self, life: Life, agency: &AgencyId, asked: u64, contacts: &[Contact]) {
        let index = self.agency_of(agency);
        let mut state = self.state.lock();
        for contact in contacts {
            let key = (life, index, contact.person.clone());
            state
                .oracle
                .answers
                .entry(key)
                .or_default()
                .push((asked, contact.clone()));
        }
    }

    /// An agency got an event.
    pub fn told(&self, agency: usize, event: &Event) {
        note!(
            self.sim,
            "agency {agency} gets {} {} {}",
            event.sequence,
            event.kind,
            event.data
        );
        if self.agency_index(event.agency) != agency {
            self.violation(format!("I-9: agency {agency} gets an event of another"));
        }
        self.state
            .lock()
            .oracle
            .inboxes
            .entry(agency)
            .or_default()
            .push(event.clone());
    }

    /// The first byte leaves. Answers the request's number.
    pub fn on_the_wire(&self, life: Life, gateway: &str, message: &Outbound) -> usize {
        note!(self.sim, "w{life} sends {} by {gateway}", message.delivery);
        for wrong in super::sending::judge(self, life, message) {
            self.violation(wrong);
        }
        let mut state = self.state.lock();
        let cost = match &message.content {
            Content::Sms { parts, .. } => *parts,
            Content::Email { .. } => 1,
        };
        debug_assert_eq!(
            message.delivery.channel() == Channel::Sms,
            message.channel() == Channel::Sms
        );
        state.oracle.wires.push(Wire {
            at: self.sim.now(),
            life,
            gateway: gateway.to_owned(),
            delivery: message.delivery,
            cost,
            taken: None,
            ambiguous: false,
            reported: Vec::new(),
        });
        state.oracle.wires.len() - 1
    }

    /// The sender has its answer.
    pub fn answered(&self, wire: usize, outcome: &Outcome) {
        if *outcome == Outcome::Unknown {
            self.state.lock().oracle.wires[wire].ambiguous = true;
            self.count("no answer from a gateway");
        }
    }

    /// A life was killed, stopped short or held up: what it had in hand may have been lost.
    pub fn trouble(&self, life: Life) {
        let now = self.sim.now();
        self.state
            .lock()
            .oracle
            .troubled
            .entry(life)
            .or_default()
            .push(now);
    }
}

fn word(answer: &Acceptance) -> &'static str {
    match answer {
        Acceptance::Accepted { .. } => "accepted",
        Acceptance::Repeated(_) => "repeated",
        Acceptance::Conflict => "conflict",
    }
}
