//! Writes what became of deliveries, whatever has arrived meanwhile in one transaction.
//!
//! Results that cannot be stored are kept and tried again for ever; the queue is bounded, so a
//! store that is away stops new sends by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::outcome::{Fault, Outcome};
use crate::domain::plan::{self, Verdict};
use crate::domain::retry::{self, Decision};
use crate::domain::status::{Reason, Status};
use crate::ports::store::{
    Guard, Next, SettleReport, Settlement, StoreError, TryOutcome, TryResult,
};
use crate::telemetry::record;

use super::deps::Deps;
use super::gate::case;
use super::gather::Gather;
use super::later::after;
use super::ready::Held;

/// Settlements in one transaction at most.
const BATCH: usize = 500;
/// A batch of so many is a large one. Two at a time are many for a fleet of workers at slow gateways:
/// their commits, of one result each, were most of what the database did.
const MANY: usize = 24;
/// From the beginning of one batch to that of the next pass two thirds of this under load (see
/// [`Gather`]).
const GROWS: Duration = Duration::from_millis(120);
/// Settlements that may wait; beyond it whoever settles waits, and so sends nothing new.
const WAITING: usize = 2_000;

/// Where settlements are handed in.
#[derive(Debug, Clone)]
pub struct Settler {
    queue: mpsc::Sender<Settlement>,
}

impl Settler {
    /// Hands a settlement in; waits while too many others wait to be stored.
    pub async fn settle(&self, settlement: Settlement) {
        if self.queue.send(settlement).await.is_err() {
            // The loop ends only when every settler is gone: unreachable while `self` lives.
            tracing::error!("the settling loop is gone; the delivery is left to the reaper");
        }
    }
}

/// The settling loop.
#[derive(Debug)]
pub struct SettleLoop {
    deps: Arc<Deps>,
    queue: mpsc::Receiver<Settlement>,
}

/// A settler and its loop.
pub fn settling(deps: Arc<Deps>) -> (Settler, SettleLoop) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (
        Settler { queue: sender },
        SettleLoop {
            deps,
            queue: receiver,
        },
    )
}

impl SettleLoop {
    /// Stores until every [`Settler`] is gone and everything is stored.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut gather = Gather::new(MANY, GROWS);
        while self.queue.recv_many(&mut batch, BATCH).await > 0 {
            self.grow(&mut batch, &gather).await;
            gather.began(self.deps.clock.monotonic(), batch.len());
            self.store(std::mem::take(&mut batch)).await;
        }
    }

    /// Takes what comes meanwhile along.
    async fn grow(&mut self, batch: &mut Vec<Settlement>, gather: &Gather) {
        while batch.len() < BATCH {
            let left = gather.left(self.deps.clock.monotonic());
            if left.is_zero() {
                return;
            }
            let more = BATCH - batch.len();
            tokio::select! {
                biased;
                taken = self.queue.recv_many(batch, more) => if taken == 0 { return },
                () = self.deps.clock.sleep(left) => return,
            }
        }
    }

    async fn store(&self, batch: Vec<Settlement>) {
        let Err(error) = self.store_whole(&batch).await else {
            return;
        };
        // Not the store's absence but something in the batch: find it, so that it stops nobody else.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            results = batch.len(),
            "the store refuses a batch of results; trying them one by one"
        );
        for settlement in batch {
            let delivery = settlement.delivery;
            if let Err(error) = self.store_whole(&[settlement]).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    delivery.id = %delivery,
                    "a result cannot be stored; the delivery is left to the end of this worker"
                );
            }
        }
    }

    /// Stores a batch, however long the store is away.
    ///
    /// # Errors
    /// The store answers, and refuses it.
    async fn store_whole(&self, batch: &[Settlement]) -> Result<(), StoreError> {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.deps.store.settle(batch.to_vec()).await {
                Ok(report) => {
                    tell(&self.deps, batch, &report);
                    self.deps.bells.receipts.notify_waiters();
                    return Ok(());
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    record::store_error("settle");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        results = batch.len(),
                        "cannot store results; they are kept and tried again"
                    );
                    self.deps.clock.sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(
                    error @ (StoreError::Corrupt { .. }
                    | StoreError::Schema { .. }
                    | StoreError::Locked(_)),
                ) => {
                    record::store_error("settle");
                    return Err(error);
                }
            }
        }
    }
}

/// Counts what was settled and wakes those who go on from here.
pub fn tell(deps: &Deps, batch: &[Settlement], report: &SettleReport) {
    let mut soon = false;
    for (index, settlement) in batch.iter().enumerate() {
        if report.fenced.contains(&index) {
            record::fenced();
            tracing::warn!(delivery.id = %settlement.delivery, "it changed under our hands; the result is not written");
            continue;
        }
        match &settlement.next {
            Next::Settled { status, reason, .. } => {
                record::settled(settlement.delivery.channel(), *status, *reason);
            }
            Next::Wait { due, .. } | Next::Fallback { due, .. } => soon |= *due <= settlement.at,
            Next::AwaitReceipt { .. } => record::unknown(settlement.delivery.channel()),
        }
    }
    if soon {
        deps.bells.due.notify_waiters();
    }
    if report.events > 0 {
        deps.bells.events.notify_waiters();
    }
}

/// What becomes of a delivery after a try: the pure arithmetic of retry, fallback and the third
/// answer, with the randomness given.
pub fn after_try(deps: &Deps, held: &Held, outcome: &Outcome) -> Settlement {
    let now = deps.clock.now();
    let claimed = &held.claimed;
    let channel = claimed.delivery.channel();
    let second = claimed.slot > 0;
    let (written, provider_reference, next) = match outcome {
        Outcome::Accepted { provider_reference } => (
            TryOutcome::Accepted,
            provider_reference.clone(),
            settled(Status::Sent, None, second),
        ),
        Outcome::Unknown => (
            TryOutcome::Unknown,
            None,
            Next::AwaitReceipt {
                until: now.plus(deps.policy.unknown(channel)),
            },
        ),
        Outcome::NotSent(fault) => (TryOutcome::NotSent, None, after_fault(deps, held, fault)),
    };
    Settlement {
        delivery: claimed.delivery,
        guard: Guard::Claim(held.claim),
        tried: Some(TryResult {
            slot: claimed.slot,
            attempt: claimed.attempts,
            outcome: written,
            provider_reference,
        }),
        next,
        label: held.label(),
        at: now,
    }
}

/// The slot was over before the first byte: the delivery goes on after `pause`, no try is used up.
pub fn forfeit(deps: &Deps, held: &Held, pause: Duration) -> Settlement {
    let now = deps.clock.now();
    let claimed = &held.claimed;
    Settlement {
        delivery: claimed.delivery,
        guard: Guard::Claim(held.claim),
        tried: Some(TryResult {
            slot: claimed.slot,
            attempt: claimed.attempts,
            outcome: TryOutcome::NotSent,
            provider_reference: None,
        }),
        next: Next::Wait {
            due: after(held, now, pause),
            slot: claimed.slot,
            tries: claimed.tries,
        },
        label: held.label(),
        at: now,
    }
}

const fn settled(status: Status, reason: Option<Reason>, second: bool) -> Next {
    Next::Settled {
        status,
        reason,
        channel_chosen: true,
        possible_duplicate: second,
        covered_by: None,
    }
}

fn after_fault(deps: &Deps, held: &Held, fault: &Fault) -> Next {
    let now = deps.clock.now();
    let claimed = &held.claimed;
    let channel = claimed.delivery.channel();
    let record = &held.job.record;
    let occasion = claimed.delivery.occasion();
    let deadline = plan::deadline(
        &record.rules,
        record.accepted_at,
        occasion,
        &held.job.agency.hours,
    );
    let tries = claimed.tries + 1;
    let policy = deps.policy.retry(channel);
    let random = deps.entropy.unit();
    match retry::decide(policy, fault, tries, now, deadline, random) {
        Decision::RetryAt { at, costs_try } => Next::Wait {
            due: at,
            slot: claimed.slot,
            tries: if costs_try { tries } else { claimed.tries },
        },
        // The first try may have arrived: "failed" would be a guess.
        Decision::GiveUp(_) if claimed.slot > 0 => {
            settled(Status::Uncertain, Some(Reason::NoAnswer), true)
        }
        Decision::GiveUp(reason) if may_fall_back(deps, held, fault) => {
            Next::Fallback { reason, due: now }
        }
        Decision::GiveUp(reason) => settled(Status::Failed, Some(reason), false),
    }
}

/// After a permanent failure the other channel is tried, if the rule falls back, this is not the
/// other channel already, and the plan would let it go (now or later).
fn may_fall_back(deps: &Deps, held: &Held, fault: &Fault) -> bool {
    if !matches!(fault, Fault::Permanent { .. })
        || held.claimed.fixed
        || !held.job.record.rules.channel.falls_back()
    {
        return false;
    }
    let mut other = case(held, deps.clock.now());
    other.channel = other.channel.other();
    other.fixed = true;
    match plan::decide(&other) {
        Verdict::Send { address, .. } => address.channel() == other.channel,
        Verdict::Wait { .. } => held.contact.is_some(),
        Verdict::Withhold { .. } => false,
    }
}
