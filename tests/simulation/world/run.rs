//! Plays one seed from beginning to end.

use std::cell::RefCell;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Once};
use std::time::Duration;

use budstikke::adapters::sqlite::{SqliteSettings, SqliteStore};
use budstikke::domain::address_limit::AddressLimits;
use budstikke::domain::event::EventFilter;
use budstikke::domain::ids::AgencyId;
use budstikke::domain::retry::RetryPolicy;
use budstikke::domain::time::Timestamp;
use budstikke::domain::window::{DayWindow, Days};
use budstikke::pipeline::deps::Policy;
use budstikke::ports::store::{AgencyRecord, Jobs as _};
use parking_lot::Mutex;

use super::aim::Fate;
use super::broker::Broker;
use super::clock::MachineClock;
use super::fair;
use super::faults::{Act, Kinds};
use super::fleet::Fleet;
use super::oracle::Oracle;
use super::outside::{Outside, State};
use super::register::{Population, RegisterWeather};
use super::rng::Rng;
use super::scene::Scene;
use super::store::StoreWeather;
use super::storm::{HEALED, Storm, enqueue};
use super::time::{Sim, note};
use super::verdict;
use super::workload::Spec;

const S: u64 = 1_000_000;

/// How one seed went.
#[derive(Debug)]
pub struct Report {
    /// Of everything that happened.
    pub digest: u64,
    pub violations: Vec<String>,
    /// How often what happened.
    pub counts: std::collections::BTreeMap<&'static str, u64>,
    /// How often which call to the store met which fate.
    pub met: std::collections::BTreeMap<(&'static str, Fate), u64>,
    pub trace: Vec<String>,
    pub steps: u64,
    pub wires: usize,
    /// Simulated microseconds.
    pub lasted: u64,
}

/// Whether the trace is kept as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Trace,
    Digest,
}

/// Hours and minutes.
type Clock = (i8, i8);

/// Moments at which something is near: an edge of the window, a night when the clocks change.
const MOMENTS: &[(&str, Clock, Clock)] = &[
    ("2026-11-23T10:00:00+01:00", (9, 0), (17, 0)),
    ("2026-11-23T08:59:20+01:00", (9, 0), (17, 0)),
    ("2026-11-23T16:59:20+01:00", (9, 0), (17, 0)),
    ("2026-12-31T23:59:30+01:00", (0, 0), (0, 0)),
    // The clocks go back at 03:00+02:00.
    ("2026-10-25T02:59:20+02:00", (2, 0), (2, 1)),
    ("2026-10-25T02:59:20+02:00", (2, 59), (3, 1)),
    // The clocks go forward at 02:00+01:00.
    ("2027-03-28T01:59:20+01:00", (1, 0), (2, 30)),
    ("2027-03-28T01:59:20+01:00", (2, 30), (3, 1)),
];

fn policy(rng: &mut Rng) -> Policy {
    let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
    Policy {
        retry_sms: RetryPolicy::new(seconds(&[2, 4, 8])).unwrap(),
        retry_email: RetryPolicy::new(seconds(&[3, 6, 12])).unwrap(),
        unknown_sms: Duration::from_secs(rng.within(10..25)),
        unknown_email: Duration::from_secs(rng.within(12..30)),
        worker_dead: Duration::from_secs(12),
        heartbeat: Duration::from_secs(3),
        slots_ahead: Duration::from_millis(250),
        slots_ahead_urgent: Duration::from_millis(500),
        slot_tolerance: Duration::from_millis(50),
        hold_per_agency: 30,
        hold_per_channel: 60,
        hold_for: Duration::from_secs(10),
        register_fresh: Duration::from_secs(rng.within(5..60)),
        poll_max: Duration::from_secs(3),
        allow_synthetic: true,
        raise_lane_after: Duration::from_secs(40),
        address_limits: AddressLimits::default(),
        // Every look costs a real transaction, and few messages must be enough to judge by.
        health: budstikke::domain::health::Rules {
            every: Duration::from_secs(4),
            least: 6,
            probe_every: Duration::from_secs(5),
            ..budstikke::domain::health::Rules::default()
        },
    }
}

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A task that panics ends alone; here it is noticed.
fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.with_borrow_mut(|panics| panics.push(panic.to_string()));
            usual(panic);
        }));
    });
    PANICS.with_borrow_mut(Vec::clear);
}

/// Plays a seed in a scene.
pub fn run(seed: u64, keep: Keep, scene: Scene) -> Report {
    listen_for_panics();
    let mut rng = Rng::new(seed);
    let sim = Sim::new(rng.next(), keep == Keep::Trace);
    let moment = rng.within(0..MOMENTS.len() as u64) as usize;
    let (start, from, until) = MOMENTS[if scene.is_any() { moment } else { 0 }];
    let wall = Timestamp::from_jiff(start.parse().unwrap());
    let time = |(hour, minute)| jiff::civil::time(hour, minute, 0, 0);
    let kinds = Kinds::any(&mut rng);
    let ordinary = from == (9, 0) && until == (17, 0) && !start.contains("T16");
    let storm = scene.storm(Storm::any(&mut rng, kinds, ordinary));
    let aims = scene.aims(seed, storm.kinds, &mut rng);
    let people = Population::new(&mut rng, 24, wall);
    let numbers: Vec<_> = people
        .all
        .iter()
        .map(|contact| contact.person.clone())
        .collect();
    let outside = Arc::new(Outside {
        sim: sim.clone(),
        wall,
        store_skew: Arc::new(AtomicI64::new(0)),
        policy: scene.policy(policy(&mut rng)),
        hours: DayWindow::new(time(from), time(until), Days::All).unwrap(),
        agencies: ["oslo", "nav"]
            .iter()
            .map(|id| AgencyId::parse(id).unwrap())
            .collect(),
        state: Mutex::new(State {
            store: StoreWeather::default(),
            aims,
            met: std::collections::BTreeMap::new(),
            register: RegisterWeather::default(),
            people,
            gateways: std::collections::BTreeMap::new(),
            broker: Broker::default(),
            sink_down: false,
            full: None,
            strike: 0.0,
            confirm_lost: 0.0,
            ack_lost: 0.0,
            oracle: Oracle::default(),
            receipts_open: 0,
            stopped: std::collections::BTreeMap::new(),
            counts: std::collections::BTreeMap::new(),
            violations: std::collections::BTreeSet::new(),
        }),
    });
    note!(
        sim,
        "seed {seed}, {start}, window {from:?} to {until:?}, {} places, {kinds:?}",
        storm.places
    );
    let folder = folder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let clock = MachineClock {
        sim: sim.clone(),
        life: 0,
        wall,
        skew: Arc::clone(&outside.store_skew),
        steady_from: 0,
    };
    let url = format!("sqlite://{}", folder.path().join("s.db").display());
    let real = runtime.block_on(async {
        let real = SqliteStore::open(SqliteSettings {
            url,
            clock: Arc::new(clock),
        })
        .await
        .unwrap();
        let record = |id: &AgencyId| AgencyRecord {
            id: id.clone(),
            filter: EventFilter::ALL,
        };
        let records: Vec<_> = outside.agencies.iter().map(record).collect();
        real.sync_agencies(&records).await.unwrap();
        real
    });
    let lines = storm.lines.clone();
    let mut fleet = Fleet::new(
        Arc::clone(&outside),
        real,
        runtime,
        lines,
        storm.places,
        &mut rng,
    );
    if let Some(first) = scene.first() {
        fleet.act(first);
    }
    storm.brew(&mut rng, &fleet, &numbers, scene.jobs(&numbers, wall));
    scene.weather(&outside);
    fleet.until(HEALED, |_| false);
    storm.heal(&mut fleet);
    quiet(&mut fleet, HEALED + 900 * S);
    for day in 1..=storm.days {
        night(&mut fleet, u64::from(day) * 86_400 * S);
        storm.morning(&mut rng, &fleet, day);
        let until = sim.now() + 60 * S;
        fleet.until(until, |_| false);
        storm.heal(&mut fleet);
        quiet(&mut fleet, until + 300 * S);
    }
    until_the_clock_is_right(&mut fleet);
    probe(&mut fleet);
    verdict::judge(&fleet, &storm.lines);
    if scene == Scene::Crowd {
        let (wrong, minutes) = fair::judge(&outside.state.lock().oracle);
        for what in wrong {
            outside.violation(what);
        }
        if minutes == 0 {
            outside.violation("no minute in which both agencies wait".to_owned());
        }
    }
    for panic in PANICS.with_borrow_mut(std::mem::take) {
        outside.violation(format!("a task panicked: {panic}"));
    }
    fleet.end();
    let lasted = sim.now();
    let steps = sim.steps();
    let (digest, trace) = sim.trace();
    let state = outside.state.lock();
    Report {
        digest,
        violations: state.violations.iter().cloned().collect(),
        counts: state.counts.clone(),
        met: state.met.clone(),
        trace,
        steps,
        wires: state.oracle.wires.len(),
        lasted,
    }
}

/// A folder in memory where there is one.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// Goes on until nothing is left to do.
fn quiet(fleet: &mut Fleet, end: u64) {
    let mut next = 0;
    fleet.until(end, |fleet| {
        let now = fleet.outside.sim.now();
        if now < next {
            return false;
        }
        next = now + S / 2;
        is_quiet(fleet)
    });
    if !is_quiet(fleet) {
        let open = verdict::open(&fleet.outside);
        fleet.outside.violation(format!(
            "I-1, I-16: after 15 minutes without faults there is still work: {open}"
        ));
    }
    // What was parked, numbered or settled last still comes out.
    let end = fleet.outside.sim.now() + 8 * S;
    fleet.until(end, |_| false);
}

fn is_quiet(fleet: &Fleet) -> bool {
    let outside = &fleet.outside;
    let state = outside.state.lock();
    let day = u8::try_from(outside.sim.now() / (86_000 * S)).unwrap_or(u8::MAX);
    let told = state.receipts_open == 0
        && state.broker.is_empty()
        && verdict::all_ended(&state.oracle, day);
    drop(state);
    told && verdict::unsettled(fleet, day).is_empty()
}

/// Everybody goes home, and the next day begins.
fn night(fleet: &mut Fleet, until: u64) {
    for place in 0..fleet.places.len() {
        fleet.stop(place, Duration::from_secs(20));
    }
    let end = fleet.outside.sim.now() + 30 * S;
    fleet.until(end, |_| false);
    for place in 0..fleet.places.len() {
        fleet.kill(place);
    }
    fleet.until(until - 5 * S, |_| false);
    for place in 0..fleet.places.len() {
        fleet.start(place);
    }
}

/// While the store's clock goes again through a time that it has seen, no slot is free.
fn until_the_clock_is_right(fleet: &mut Fleet) {
    let state = fleet.outside.state.lock();
    let (mut latest, mut behind) = (0, 0);
    for set in &state.oracle.clock_sets {
        behind = (behind - signed(set.at - latest)).max(0);
        behind = (behind - set.by).max(0);
        latest = set.at;
    }
    drop(state);
    let end = latest + u64::try_from(behind).unwrap_or(0) + S;
    fleet.until(end, |_| false);
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// A fresh message gets through at once (I-16).
fn probe(fleet: &mut Fleet) {
    let spec = Spec::fresh(0, "fresh");
    enqueue(&fleet.outside, spec);
    fleet.act(Act::Publish(0, "fresh".to_owned()));
    let started = fleet.outside.sim.now();
    let sent = |outside: &Outside| {
        let state = outside.state.lock();
        state
            .oracle
            .wires
            .iter()
            .any(|wire| wire.at >= started && wire.taken.is_some())
    };
    fleet.until(started + 10 * S, |fleet| sent(&fleet.outside));
    if !sent(&fleet.outside) {
        fleet
            .outside
            .violation("I-16: a fresh message is not on the wire after 10 s".to_owned());
    }
    quiet(fleet, started + 60 * S);
}
