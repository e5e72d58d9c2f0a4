//! How a gateway is doing: what this process saw of it and has not told yet, what the fleet decided
//! about it, and what may be spent on retries.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::health::{Circuit, GatewayState, Share, Tally};
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::Outcome;
use crate::domain::retry_budget::RetryBudget;
use crate::ports::clock::Monotonic;
use crate::ports::store::Claimed;
use crate::telemetry::record;

/// So many tries of which half failed are told at once.
const ALARMING: u64 = 20;

/// Probes whose outcome is remembered at most; one that never left is forgotten by the next ones.
const PROBES: usize = 4;

/// See the module.
#[derive(Debug)]
pub struct Vitals {
    open: AtomicBool,
    /// When a probe may be asked for.
    probe_at: AtomicU64,
    tenths: AtomicU32,
    /// Processes in the fleet.
    workers: AtomicU32,
    seen: Mutex<Seen>,
    budget: Mutex<RetryBudget>,
}

/// What was seen and is not told yet.
#[derive(Debug, Default)]
struct Seen {
    tally: Tally,
    probes: Vec<DeliveryId>,
    probe_taken: bool,
}

impl Vitals {
    /// Of a gateway that nothing is known of.
    pub const fn new(now: Monotonic) -> Self {
        Self {
            open: AtomicBool::new(false),
            probe_at: AtomicU64::new(0),
            tenths: AtomicU32::new(Share::Whole.tenths()),
            workers: AtomicU32::new(1),
            seen: Mutex::new(Seen {
                tally: Tally {
                    taken: 0,
                    failed: 0,
                    micros: 0,
                },
                probes: Vec::new(),
                probe_taken: false,
            }),
            budget: Mutex::new(RetryBudget::new(steady(now))),
        }
    }

    /// Counts how a try ended. Answers whether the fleet should know at once.
    pub fn count(
        &self,
        gateway: &str,
        delivery: DeliveryId,
        outcome: &Outcome,
        took: Duration,
    ) -> bool {
        let mut seen = self.seen.lock();
        if let Some(place) = seen.probes.iter().position(|probe| *probe == delivery) {
            seen.probes.swap_remove(place);
            let taken = Tally::is_taken(outcome);
            record::probe(gateway, taken);
            seen.probe_taken |= taken == Some(true);
            return taken == Some(true);
        }
        seen.tally.count(outcome, took);
        Tally::is_taken(outcome) == Some(false)
            && seen.tally.counted() >= ALARMING
            && seen.tally.failing() >= 0.5
    }

    /// Takes what has been counted, to tell it.
    pub fn take_tally(&self) -> Tally {
        std::mem::take(&mut self.seen.lock().tally)
    }

    /// It could not be told.
    pub fn put_tally_back(&self, tally: Tally) {
        self.seen.lock().tally.add(tally);
    }

    /// This delivery goes as a probe.
    pub fn probing(&self, delivery: DeliveryId) {
        let mut seen = self.seen.lock();
        if seen.probes.len() >= PROBES {
            seen.probes.remove(0);
        }
        seen.probes.push(delivery);
    }

    /// A probe was taken, and the fleet does not know yet.
    pub fn probe_taken(&self) -> bool {
        self.seen.lock().probe_taken
    }

    /// What the fleet decided, and when the next probe may be asked for.
    pub fn learn(&self, state: &GatewayState, probe_at: Monotonic, workers: u32) {
        let open = state.circuit == Circuit::Open;
        self.tenths.store(state.share.tenths(), Ordering::Relaxed);
        self.workers.store(workers.max(1), Ordering::Relaxed);
        self.probe_at.store(probe_at.0, Ordering::Relaxed);
        self.open.store(open, Ordering::Relaxed);
        if !open {
            self.seen.lock().probe_taken = false;
        }
    }

    /// Processes in the fleet.
    pub fn workers(&self) -> u32 {
        self.workers.load(Ordering::Relaxed)
    }

    /// Nothing goes there but probes.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// What its health leaves of its weight.
    pub fn share(&self) -> Share {
        Share::from_tenths(self.tenths.load(Ordering::Relaxed).into())
    }

    /// How long until a probe may be asked for; `None`: the circuit is closed.
    pub fn probe_in(&self, now: Monotonic) -> Option<Duration> {
        let at = Monotonic(self.probe_at.load(Ordering::Relaxed));
        self.is_open().then(|| at.since(now))
    }

    /// No probe before then.
    pub fn probe_later(&self, at: Monotonic) {
        self.probe_at.store(at.0, Ordering::Relaxed);
    }

    /// How many retries may go now.
    pub fn retries_left(&self, now: Monotonic) -> usize {
        let workers = self.workers();
        self.budget.lock().room(steady(now), workers)
    }

    /// These tries go.
    pub fn spend<'a>(&self, now: Monotonic, went: impl Iterator<Item = &'a Claimed>) {
        let (mut firsts, mut retries) = (0, 0);
        for claimed in went {
            firsts += u64::from(claimed.attempts == 0);
            retries += u64::from(is_retry(claimed));
        }
        let workers = self.workers();
        self.budget
            .lock()
            .spend(steady(now), workers, firsts, retries);
    }
}

/// Whether the next try is one more after one that counted. After an unknown one, a slot
/// that was over, or a pause of the gateway, it is not: the ledger bounds the first, our own brakes
/// the others.
pub const fn is_retry(claimed: &Claimed) -> bool {
    claimed.tries > 0
}

const fn steady(now: Monotonic) -> Duration {
    Duration::from_micros(now.0)
}
