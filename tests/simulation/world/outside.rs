//! The world outside the workers: everything that is shared and goes on when a worker dies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use budstikke::domain::ids::{AgencyId, AgencyNo};
use budstikke::domain::time::Timestamp;
use budstikke::domain::window::DayWindow;
use budstikke::pipeline::deps::Policy;
use parking_lot::Mutex;

use super::aim::{Aim, Fate};
use super::broker::Broker;
use super::gateway::GatewayWeather;
use super::oracle::Oracle;
use super::register::{Population, RegisterWeather};
use super::store::StoreWeather;
use super::time::Sim;

/// Every worker that counts as alive has heard the store's new time after so many microseconds.
const LEARNT: u64 = 15_000_000;

/// Shared by all workers and everybody outside.
pub struct Outside {
    pub sim: Sim,
    /// The true time, which is the store's, at the beginning.
    pub wall: Timestamp,
    /// How far the store's clock was set since, in microseconds.
    pub store_skew: Arc<AtomicI64>,
    pub policy: Policy,
    /// The agencies' hours of the window `daytime`.
    pub hours: DayWindow,
    /// In the order of their numbers.
    pub agencies: Vec<AgencyId>,
    pub state: Mutex<State>,
}

/// What changes.
pub struct State {
    pub store: StoreWeather,
    pub aims: Vec<Aim>,
    /// How often which call met which fate.
    pub met: BTreeMap<(&'static str, Fate), u64>,
    pub register: RegisterWeather,
    pub people: Population,
    pub gateways: BTreeMap<String, GatewayWeather>,
    pub broker: Broker,
    pub sink_down: bool,
    /// The agency whose queue for events takes no more.
    pub full: Option<usize>,
    /// How probably a worker is killed or held up between a commit and its knowledge of it.
    pub strike: f64,
    pub confirm_lost: f64,
    pub ack_lost: f64,
    pub oracle: Oracle,
    /// Receipts on their way.
    pub receipts_open: u32,
    /// Agencies that are stopped, and everybody (`None`), with since when.
    pub stopped: BTreeMap<Option<AgencyNo>, u64>,
    pub counts: BTreeMap<&'static str, u64>,
    pub violations: BTreeSet<String>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

impl Outside {
    /// The store's time.
    pub fn store_now(&self) -> Timestamp {
        self.store_at(self.store_skew.load(Ordering::Relaxed))
    }

    fn store_at(&self, skew: i64) -> Timestamp {
        Timestamp(self.wall.0 + self.sim.now() as i64 + skew)
    }

    /// The times that a worker may take for the store's: it learns that the clock was set with its
    /// next quick heartbeat.
    pub fn store_times(&self, oracle: &Oracle) -> Vec<Timestamp> {
        let now = self.sim.now();
        let lately = oracle
            .clock_sets
            .iter()
            .filter(|set| set.at + LEARNT >= now);
        let mut times = vec![self.store_now()];
        times.extend(lately.map(|set| self.store_at(set.before)));
        times
    }

    /// Something that should happen sometimes did (I-17).
    pub fn count(&self, what: &'static str) {
        *self.state.lock().counts.entry(what).or_default() += 1;
    }

    /// An invariant does not hold.
    pub fn violation(&self, what: String) {
        super::time::note!(self.sim, "VIOLATION {what}");
        self.state.lock().violations.insert(what);
    }

    pub fn agency_index(&self, no: AgencyNo) -> usize {
        usize::try_from(no.0 - 1).unwrap()
    }

    pub fn agency_of(&self, id: &AgencyId) -> usize {
        self.agencies.iter().position(|one| one == id).unwrap()
    }

    /// Changes the weather.
    pub fn change(self: &Arc<Self>, at: u64, change: impl FnOnce(&mut State) + Send + 'static) {
        let outside = Arc::clone(self);
        let what = move || change(&mut outside.state.lock());
        self.sim.at(at, super::time::Due::Do(Box::new(what)));
    }
}
