//! When what happens: the workload, the faults between the beginning and the healing, and the
//! healing itself.

use std::sync::Arc;

use budstikke::domain::person::PersonNumber;

use super::faults::{Act, Kinds};
use super::fleet::{Fleet, Line};
use super::gateway::GatewayWeather;
use super::oracle::Known;
use super::outside::Outside;
use super::register::RegisterWeather;
use super::rng::Rng;
use super::store::StoreWeather;
use super::time::{Due, note};
use super::workload::Spec;

const S: u64 = 1_000_000;

/// No fault begins after this, and all are over.
pub const HEALED: u64 = 55 * S;

/// Of so many seeds' worlds, what is in this one.
pub struct Storm {
    pub kinds: Kinds,
    pub places: usize,
    pub lines: Vec<Line>,
    /// So many days follow, with reminders.
    pub days: u8,
}

impl Storm {
    pub fn any(rng: &mut Rng, kinds: Kinds, ordinary: bool) -> Self {
        let mut rate = |low: u64, high: u64| rng.within(low..high) as f64;
        let mut lines = vec![
            Line {
                name: "alfa",
                email: false,
                rate: rate(4, 30),
                burst: 1,
                weight: 2,
                concurrency: 4,
            },
            Line {
                name: "post",
                email: true,
                rate: rate(4, 60),
                burst: 1,
                weight: 1,
                concurrency: 3,
            },
        ];
        if rng.chance(0.6) {
            let (rate, burst) = (rng.within(3..20) as f64, rng.within(1..5) as u32);
            lines.push(Line {
                name: "beta",
                email: false,
                rate,
                burst,
                weight: 1,
                concurrency: 2,
            });
        }
        let days = if ordinary && rng.chance(0.4) {
            rng.within(1..3) as u8
        } else {
            0
        };
        Self {
            kinds,
            places: rng.within(1..4) as usize,
            lines,
            days,
        }
    }

    /// Puts everything into the calendar.
    pub fn brew(
        &self,
        rng: &mut Rng,
        fleet: &Fleet,
        people: &[PersonNumber],
        jobs: Option<Vec<(u64, Spec)>>,
    ) {
        let outside = &fleet.outside;
        for place in 0..self.places {
            act(outside, rng.within(0..S), Act::Start(place));
        }
        match jobs {
            None => self.jobs(rng, outside, people),
            Some(jobs) => {
                for (at, spec) in jobs {
                    act(outside, at, Act::Publish(spec.agency, spec.name.clone()));
                    enqueue(outside, spec);
                }
            }
        }
        self.workers(rng, outside);
        self.store(rng, outside);
        self.register(rng, outside);
        self.gateways(rng, outside);
        self.events(rng, outside);
    }

    fn workers(&self, rng: &mut Rng, outside: &Arc<Outside>) {
        let times = |on: bool, rng: &mut Rng| if on { rng.within(1..6) } else { 0 };
        let place = |rng: &mut Rng| rng.within(0..self.places as u64) as usize;
        for _ in 0..times(self.kinds.kills, rng) {
            let (at, place) = (rng.within(2 * S..50 * S), place(rng));
            act(outside, at, Act::Kill(place));
            act(outside, at + rng.latency(S / 10..30 * S), Act::Start(place));
        }
        for _ in 0..times(self.kinds.stops, rng).min(3) {
            let (at, place) = (rng.within(2 * S..45 * S), place(rng));
            act(outside, at, Act::Stop(place));
            act(outside, at + rng.within(S..30 * S), Act::Start(place));
        }
        for _ in 0..times(self.kinds.pauses, rng) {
            let (at, place) = (rng.within(2 * S..40 * S), place(rng));
            act(outside, at, Act::Pause(place, rng.within(S / 100..24 * S)));
        }
        if self.kinds.strikes {
            let strike = rng.unit() * 0.05;
            window(rng, outside, move |state, on| {
                state.strike = if on { strike } else { 0.0 }
            });
        }
        for _ in 0..times(self.kinds.clocks, rng) {
            let micros = rng.within(0..4_000_000) as i64 - 2_000_000;
            act(
                outside,
                rng.within(0..50 * S),
                Act::Skew(place(rng), micros),
            );
        }
    }

    fn store(&self, rng: &mut Rng, outside: &Arc<Outside>) {
        for _ in 0..2 {
            let mut weather = StoreWeather::default();
            if self.kinds.store_slow {
                weather.slow = rng.unit() * 0.3;
            }
            let hard = if rng.chance(0.3) { 0.9 } else { 0.2 };
            if self.kinds.store_before {
                weather.fail_before = rng.unit() * hard;
            }
            if self.kinds.store_after {
                weather.fail_after = rng.unit() * hard;
            }
            window(rng, outside, move |state, on| {
                state.store = if on { weather } else { StoreWeather::default() };
            });
        }
        if self.kinds.store_clock {
            for _ in 0..rng.within(1..4) {
                let far = rng.latency(S / 10..90 * S) as i64;
                let by = if rng.chance(0.5) { far } else { -far * 2 / 3 };
                act(outside, rng.within(2 * S..50 * S), Act::SetStore(by));
            }
        }
    }

    fn register(&self, rng: &mut Rng, outside: &Arc<Outside>) {
        if self.kinds.register {
            let weather = RegisterWeather {
                down: rng.chance(0.3),
                slow: rng.unit() * 0.5,
                fails: rng.unit() * 0.5,
                refuses: rng.unit() * 0.5,
            };
            window(rng, outside, move |state, on| {
                state.register = if on {
                    weather
                } else {
                    RegisterWeather::default()
                };
            });
        }
        if self.kinds.changes {
            for _ in 0..rng.within(1..12) {
                let at = rng.within(0..50 * S);
                let mut chance = rng.fork(at);
                outside.change(at, move |state| {
                    let who = chance.within(0..state.people.all.len() as u64) as usize;
                    state.people.change(who, &mut chance);
                    *state.counts.entry("register entry changed").or_default() += 1;
                });
            }
        }
    }

    fn gateways(&self, rng: &mut Rng, outside: &Arc<Outside>) {
        for line in &self.lines {
            let mut weather = self.usual(rng);
            let name = line.name.to_owned();
            outside.state.lock().gateways.insert(name.clone(), weather);
            if self.kinds.gateways && rng.chance(0.7) {
                let storm = *rng.pick(&[0, 1, 2, 3]);
                match storm {
                    0 => weather.refuses = 20.0,
                    1 => weather.busy = 4.0,
                    2 => weather.later = 4.0,
                    _ => weather.slowness = 4_000_000,
                }
                let (usual, name) = (self.usual(rng), name.clone());
                window(rng, outside, move |state, on| {
                    state
                        .gateways
                        .insert(name.clone(), if on { weather } else { usual });
                });
            }
        }
    }

    /// What a gateway of this world is like all the time.
    pub fn usual(&self, rng: &mut Rng) -> GatewayWeather {
        let mut usual = GatewayWeather::default();
        if self.kinds.gateways {
            usual.refuses = rng.unit() * 0.1;
            usual.busy = rng.unit() * 0.05;
            usual.later = rng.unit() * 0.15;
            usual.never = rng.unit() * 0.15;
            usual.slowness = rng.within(10_000..500_000);
        }
        if self.kinds.silence {
            usual.silent = rng.unit() * 0.4;
            usual.vanishes = rng.unit() * 0.2;
        }
        if self.kinds.receipts {
            usual.delivered = 0.2 + rng.unit() * 0.5;
            usual.failed = rng.unit() * 0.3;
            usual.expired = rng.unit() * 0.2;
            usual.odd_receipts = rng.unit() * 0.4;
        }
        usual
    }

    fn events(&self, rng: &mut Rng, outside: &Arc<Outside>) {
        if self.kinds.events {
            let lost = rng.unit() * 0.7;
            window(rng, outside, |state, on| state.sink_down = on);
            window(rng, outside, move |state, on| {
                state.confirm_lost = if on { lost } else { 0.0 }
            });
            let agency = rng.within(0..2) as usize;
            window(rng, outside, move |state, on| {
                state.full = on.then_some(agency);
            });
        }
    }

    /// Everything is well from now on.
    pub fn heal(&self, fleet: &mut Fleet) {
        note!(fleet.outside.sim, "everything is well from now on");
        let mut state = fleet.outside.state.lock();
        state.strike = 0.0;
        state.store = StoreWeather::default();
        if std::mem::take(&mut state.aims)
            .iter()
            .any(|aim| aim.left > 0)
        {
            *state.counts.entry("aim that met nothing").or_default() += 1;
        }
        state.register = RegisterWeather::default();
        state.sink_down = false;
        state.full = None;
        state.confirm_lost = 0.0;
        state.ack_lost = 0.0;
        for weather in state.gateways.values_mut() {
            *weather = GatewayWeather::default();
        }
        let halted: Vec<_> = state.stopped.keys().copied().collect();
        drop(state);
        for who in halted {
            fleet.act(Act::GoOn(who.map(|agency| agency.0 as usize - 1)));
        }
        for place in 0..self.places {
            fleet.skew(place, 0);
            fleet.start(place);
        }
    }
}

/// A job that the oracle expects.
pub fn enqueue(outside: &Outside, spec: Spec) {
    let key = (spec.agency, spec.name.clone());
    let known = Known {
        spec,
        obliged: false,
        no: None,
        overtaken: 0,
        too_late: 0,
        stored: 0,
        cancelled: None,
        opened: std::collections::BTreeSet::new(),
    };
    outside.state.lock().oracle.jobs.insert(key, known);
}

pub fn act(outside: &Outside, at: u64, what: Act) {
    outside.sim.at(at, Due::Act(what));
}

/// Changes the weather for a while.
pub fn window(
    rng: &mut Rng,
    outside: &Arc<Outside>,
    change: impl Fn(&mut super::outside::State, bool) + Send + Clone + 'static,
) {
    let from = rng.within(0..45 * S);
    let until = (from + rng.within(S..30 * S)).min(HEALED - 1);
    let back = change.clone();
    outside.change(from, move |state| change(state, true));
    outside.change(until, move |state| back(state, false));
}
