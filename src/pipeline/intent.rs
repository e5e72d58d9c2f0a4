//! Takes ready deliveries by lane and turn, asks the last gate, and commits their tries and rate
//! slots before the first byte. One pump per channel.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::estimate::Estimate;
use crate::domain::fair::Tier;
use crate::domain::ids::AgencyNo;
use crate::domain::kinds::Channel;
use crate::domain::pace::Turns;
use crate::domain::time::micros;
use crate::ports::clock::Monotonic;
use crate::ports::store::{AgencyRate, Granted, IntentBatch, IntentEntry, Intents, StoreError};
use crate::telemetry::record;

use super::address;
use super::again::{Asked, NewSlot};
use super::claim::Claimer;
use super::deps::Deps;
use super::gate::{Gate, gate_again};
use super::line::Line;
use super::ready::{Held, Ready, ReadySet};
use super::refused::Refusal;
use super::settle::Settler;
use super::wire::{Flight, lead};

/// An answer that took longer says nothing of the next one: this worker or the store stood still
/// for a while. Slots would be asked for that far ahead, and a worker's life is not known as far.
const SLOWEST_ANSWER: Duration = Duration::from_millis(500);

/// New tries in one intent transaction at most; half as many may ask for another slot beside them.
const BATCH: usize = 500;

/// When some but little room is free on a line, so long is waited for more to make a batch of it.
pub(super) const GATHER: Duration = Duration::from_millis(4);

/// So long while the line has enough to do meanwhile; less than what tries may queue for.
const GROWS: Duration = Duration::from_millis(35);

/// A line without a slot within reach is left alone until its next one and about this much longer.
const COLLECT: Duration = Duration::from_millis(80);

/// An agency whose own rate is used up is passed over at most so long before it is asked for again.
const CLOSED_AT_MOST: Duration = Duration::from_secs(10);

/// A worker that has not been heard of for too long looks again so often whether it has.
const NOT_ALIVE: Duration = Duration::from_millis(100);

/// The pump of one channel.
#[derive(Debug)]
pub struct Pump {
    pub(super) deps: Arc<Deps>,
    pub(super) channel: Channel,
    pub(super) ready: Arc<ReadySet>,
    claimer: Arc<Claimer>,
    pub(super) settler: Settler,
    /// How old an answer about slots is when it comes: the rest of its transaction.
    answer: Mutex<Estimate>,
}

impl Pump {
    /// A pump over the channel's routes.
    pub fn new(
        deps: Arc<Deps>,
        channel: Channel,
        ready: Arc<ReadySet>,
        claimer: Arc<Claimer>,
        settler: Settler,
    ) -> Self {
        Self {
            deps,
            channel,
            ready,
            claimer,
            settler,
            answer: Mutex::new(Estimate::guess(Duration::ZERO)),
        }
    }

    /// Pumps until stopping is asked for.
    pub async fn run(self) {
        while !self.deps.stop.is_cancelled() {
            let bell = self.deps.bells.ready.notified();
            let nap = self.round().await;
            tokio::select! {
                biased;
                () = self.deps.stop.cancelled() => {}
                () = bell => {}
                () = self.deps.clock.sleep(nap) => {}
            }
        }
    }

    /// One round over the lines; returns how long to sleep unless woken.
    async fn round(&self) -> Duration {
        let idle = Duration::from_millis(500);
        let now = self.deps.clock.monotonic();
        if !self.deps.is_alive(now) {
            // No first byte could follow, and the slots would be lost to the fleet.
            return NOT_ALIVE;
        }
        let waiting = self.ready.look(self.channel, now);
        if waiting.open > 0 {
            self.probe_if_due().await;
        }
        let next = self.pick(now).filter(|_| waiting.open > 0);
        let asked = self.slots_again(now, next).await;
        let Some(line) = next else {
            let nap = match waiting.open {
                _ if asked => Some(Duration::ZERO),
                0 => waiting.opens_in.into_iter().chain(self.asks_in(now)).min(),
                _ => self.free_in(now),
            };
            return nap.unwrap_or(idle).min(idle);
        };
        self.grow(line, now).await;
        let taken = self.take(line, line.room().0.clamp(1, BATCH)).await;
        let taken = self.within_budget(line, taken).await;
        self.batch(line, taken).await
    }

    /// Waits until enough room is free to make a batch of it, as long as that costs nothing.
    async fn grow(&self, line: &Line, since: Monotonic) {
        loop {
            let (room, worth) = line.room();
            let waited = self.deps.clock.monotonic().since(since);
            let most = if line.has_enough() { GROWS } else { GATHER };
            if room >= worth || waited >= most {
                return;
            }
            self.deps.clock.sleep(GATHER.min(most - waited)).await;
        }
    }

    /// No slot is of use before the answer is here and the gateway ready for it, nor before its turn
    /// among those that queue for the line. A slot that waits for its message is used, one that a
    /// message waits for leaves requests idle: half of what it may be late is taken off.
    fn lead(&self, line: &Line, ready: Duration) -> (Duration, Turns) {
        let early = self.deps.policy.slot_tolerance / 2;
        let lead = (ready + self.answer.lock().high()).saturating_sub(early);
        let mut turns = line.turns(early);
        turns.first += micros(ready) - micros(lead);
        (lead, turns)
    }

    /// One intent transaction on a line: those that ask for another slot, then what is taken.
    pub(super) async fn batch(&self, line: &Arc<Line>, taken: Vec<Ready>) -> Duration {
        let is_urgent = |ready: &Ready| ready.held.tier() == Tier::Urgent;
        let urgent = (!taken.is_empty()).then(|| taken.iter().any(is_urgent));
        if !line.may_be_used(self.deps.clock.monotonic()) {
            line.again.refuse();
        }
        let (asked, urgent) = line.again.take(BATCH / 2, urgent);
        if taken.is_empty() && asked.is_empty() {
            return Duration::ZERO;
        }
        let policy = &self.deps.policy;
        let ready = lead(&line.route);
        let (lead, turns) = self.lead(line, ready);
        let batch = IntentBatch {
            gateway: line.route.name.clone(),
            rate: line.route.rate,
            lead,
            turns,
            ahead: if urgent {
                policy.slots_ahead_urgent
            } else {
                policy.slots_ahead
            },
            agency_rates: self.agency_rates(&asked, &taken),
            address_limits: policy.address_limits,
            entries: (asked.iter().map(|asked| asked.entry.clone()))
                .chain(taken.iter().map(|ready| entry(&self.deps, ready)))
                .collect(),
        };
        let intents = match self.deps.store.intend(batch).await {
            Ok(intents) => intents,
            Err(error) => {
                drop(asked);
                self.in_doubt(&taken, &error).await;
                return Duration::from_secs(1);
            }
        };
        self.launch(line, asked, taken, intents, ready).await
    }

    /// Takes by lane and turn. What is urgent is not mixed with what comes after it, because it may
    /// reach further ahead; bulk's share in between goes along, or it would hold the urgent back.
    async fn take(&self, line: &Line, room: usize) -> Vec<Ready> {
        let mut taken = self.ready.take(self.channel, &line.route.name, room);
        let has_room =
            |channel: &Channel| self.ready.claimed_on(*channel) * 2 < self.deps.room(*channel);
        if Channel::ALL.iter().any(has_room) {
            self.deps.bells.room.notify_waiters();
        }
        let is_urgent = |ready: &Ready| ready.held.tier() == Tier::Urgent;
        if let Some(last) = taken.iter().rposition(is_urgent) {
            self.ready.put_back(self.channel, taken.split_off(last + 1));
        }
        self.last_gate(taken).await
    }

    /// Asks the last gate: the clock has moved since the plan. Answers what may go.
    pub(super) async fn last_gate(&self, taken: Vec<Ready>) -> Vec<Ready> {
        // An error is told, and none comes here: what is ready was claimed with lists at hand.
        let deps = &self.deps;
        drop(deps.opt_outs.refresh(&*deps.store, &*deps.clock).await);
        let (now, steady) = (self.deps.clock.now(), self.deps.clock.monotonic());
        let mut open = Vec::with_capacity(taken.len());
        let mut stale = Vec::new();
        for mut ready in taken {
            if ready
                .held
                .needs_lookup(steady, self.deps.policy.register_fresh)
            {
                stale.push(Held {
                    contact: None,
                    ..ready.held
                });
                continue;
            }
            ready.held.opted_out = self.deps.opt_outs.of(&ready.held);
            match gate_again(ready, now) {
                Gate::Open(ready) if ready.outbound.channel() == self.channel => open.push(ready),
                Gate::Open(ready) => self.ready.push(vec![ready]),
                Gate::Shut(settlement) => self.settler.settle(settlement).await,
            }
        }
        if !stale.is_empty() {
            self.claimer.admit(stale).await;
        }
        open
    }

    /// Sends what was granted on its way, settles what was refused, puts the rest back. Who asked for
    /// another slot and has none goes on by itself.
    async fn launch(
        &self,
        line: &Arc<Line>,
        asked: Vec<Asked>,
        taken: Vec<Ready>,
        intents: Intents,
        lead: Duration,
    ) -> Duration {
        let arrived = self.deps.clock.monotonic();
        self.answer
            .lock()
            .observe(intents.read_ago.min(SLOWEST_ANSWER));
        // The slots count from when the store's clock was read, not from when the commit was done.
        let read_at = arrived.minus(intents.read_ago);
        let before = asked.len();
        let place = |index: usize| index.checked_sub(before);
        let went = (intents.granted.iter()).filter_map(|g| taken.get(place(g.index)?));
        self.charge(line, went.clone().count());
        line.vitals
            .spend(arrived, went.map(|ready| &ready.held.claimed));
        let mut asked: Vec<Option<Asked>> = asked.into_iter().map(Some).collect();
        let mut taken: Vec<Option<Ready>> = taken.into_iter().map(Some).collect();
        for Granted { index, starts_in } in intents.granted {
            if let Some(asked) = asked.get_mut(index).and_then(Option::take) {
                // Whoever does not wait any more has left the slot to nobody: too few go, never too many.
                let slot = NewSlot {
                    starts_at: read_at.plus(starts_in),
                    granted_at: read_at,
                };
                asked.answer.send(slot).ok();
                continue;
            }
            let ready = place(index).and_then(|place| taken.get_mut(place)?.take());
            let Some(mut ready) = ready else {
                continue;
            };
            ready.held.claimed.delivery = ready.outbound.delivery;
            let flight = Flight {
                deps: Arc::clone(&self.deps),
                line: Arc::clone(line),
                settler: self.settler.clone(),
                ready,
                starts_at: read_at.plus(starts_in),
                granted_at: read_at,
                lead,
            };
            line.took_off();
            drop(self.deps.tracker.spawn(flight.fly()));
        }
        for (index, _) in &intents.refused {
            drop(asked.get_mut(*index).and_then(Option::take));
        }
        // Where the line has no slot within reach they wait for one. What else is lacking comes later.
        let mut asked: Vec<_> = asked.into_iter().flatten().collect();
        if intents.next_in.is_zero() {
            asked.clear();
        }
        let waits = !asked.is_empty();
        line.again.put_back(asked);
        for (index, refused) in intents.refused {
            let ready = place(index).and_then(|place| taken.get_mut(place)?.take());
            if let Some(ready) = ready {
                let refusal = Refusal {
                    deps: &self.deps,
                    settler: &self.settler,
                    ready: &ready,
                };
                refusal.settle(refused).await;
            }
        }
        let rest: Vec<_> = taken.into_iter().flatten().collect();
        if rest.is_empty() && !waits {
            return Duration::ZERO;
        }
        self.ready.put_back(self.channel, rest);
        // Some slots at once are worth a transaction, one is not: the horizon is longer than this.
        // Workers that all came back at the same moment would let the quickest have most slots, and
        // what waits in the hands of the others would wait for long.
        let collect = COLLECT.mul_f64(0.5 + 1.5 * self.deps.entropy.unit());
        let again = |next_in: Duration, most| read_at.plus(next_in.min(most) + collect);
        for (agency, next_in) in intents.agencies {
            let until = again(next_in, CLOSED_AT_MOST);
            self.ready.close(self.channel, agency, until);
        }
        if !intents.next_in.is_zero() {
            line.busy_until(again(intents.next_in, Duration::from_secs(1)));
        }
        Duration::ZERO
    }

    /// The intent's commit is in doubt: nothing is sent; what was written becomes unknown, the rest
    /// goes on. Tried until the store answers.
    async fn in_doubt(&self, taken: &[Ready], error: &StoreError) {
        record::store_error("intend");
        tracing::warn!(
            error = error as &dyn std::error::Error,
            deliveries = taken.len(),
            "cannot write intents; nothing of them is sent"
        );
        let mut all = Vec::with_capacity(taken.len());
        for ready in taken {
            all.push((ready.held.claimed.delivery, ready.held.claim));
            if ready.outbound.delivery != ready.held.claimed.delivery {
                all.push((ready.outbound.delivery, ready.held.claim));
            }
        }
        let policy = &self.deps.policy;
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self
            .deps
            .store
            .abandon(&all, policy.unknown_sms, policy.unknown_email)
            .await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot abandon intents yet"
            );
            self.deps.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// The rates of agencies that have one of their own here.
    fn agency_rates(&self, asked: &[Asked], taken: &[Ready]) -> Vec<AgencyRate> {
        let mut seen: BTreeSet<AgencyNo> = BTreeSet::new();
        let of_taken = taken
            .iter()
            .filter_map(|ready| ready.held.agency_rate(self.channel));
        (asked.iter().filter_map(|asked| asked.rate))
            .chain(of_taken)
            .filter(|rate| seen.insert(rate.agency))
            .collect()
    }
}

/// What is asked of the ledger.
pub(super) fn entry(deps: &Deps, ready: &Ready) -> IntentEntry {
    let claimed = &ready.held.claimed;
    let limited = !deps.policy.address_limits.is_none();
    IntentEntry {
        delivery: claimed.delivery,
        agency: claimed.agency,
        channel: ready.outbound.channel(),
        claim: ready.held.claim,
        slot: claimed.slot,
        attempt: claimed.attempts,
        again: false,
        cost: ready.outbound.cost(),
        cover: ready.cover,
        address: limited.then(|| address::digest(&ready.outbound.content)),
    }
}
