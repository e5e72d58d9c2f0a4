//! The fleet: each worker process is a runtime of its own in this one thread, so that killing one
//! is dropping it whole, at whatever await its tasks stand, and pausing one is not running it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use budstikke::adapters::sqlite::SqliteStore;
use budstikke::app::lifecycle::Worker;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::boot::Boot;
use super::faults::Act;
use super::outside::Outside;
use super::rng::Rng;
use super::storm::HEALED;
use super::time::{Due, Life, note};

/// After these calls a strike is worth most.
const STRIKES: &[&str] = &[
    "accept",
    "cancel",
    "claim",
    "intend",
    "settle",
    "abandon",
    "hand_back",
    "lease",
    "park",
    "unpark",
    "reap",
    "end_worker",
    "unpublished",
];

/// A gateway as the workers have it.
#[derive(Debug, Clone)]
pub struct Line {
    pub name: &'static str,
    pub email: bool,
    pub rate: f64,
    pub burst: u32,
    pub weight: u32,
    pub concurrency: usize,
}

/// Says when a runtime has nothing left to run.
#[derive(Debug, Default)]
struct Parks {
    count: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

/// A running process.
pub struct Process {
    pub life: Life,
    runtime: Runtime,
    parks: Arc<Parks>,
    paused: bool,
    /// Asked to stop.
    stopping: bool,
    pub worker: Arc<Mutex<Option<Worker>>>,
}

/// A machine, on which processes come and go.
pub struct Place {
    pub process: Option<Process>,
    skew: Arc<AtomicI64>,
    rng: Rng,
}

/// All of them.
pub struct Fleet {
    pub outside: Arc<Outside>,
    pub real: SqliteStore,
    pub store_runtime: Runtime,
    pub places: Vec<Place>,
    lines: Arc<Vec<Line>>,
    lives: Life,
}

impl Process {
    /// Runs what can run, until nothing can.
    fn run(&self) {
        self.parks.count.store(0, Ordering::Relaxed);
        let parks = Arc::clone(&self.parks);
        // Parked once may mean that tasks had yielded; twice means that there are none.
        self.runtime.block_on(std::future::poll_fn(|cx| {
            if parks.count.load(Ordering::Relaxed) >= 2 {
                return Poll::Ready(());
            }
            *parks.waker.lock() = Some(cx.waker().clone());
            Poll::Pending
        }));
    }
}

impl Fleet {
    pub fn new(
        outside: Arc<Outside>,
        real: SqliteStore,
        store_runtime: Runtime,
        lines: Vec<Line>,
        places: usize,
        rng: &mut Rng,
    ) -> Self {
        let places = (0..places)
            .map(|n| Place {
                process: None,
                skew: Arc::new(AtomicI64::new(0)),
                rng: rng.fork(n as u64 + 1),
            })
            .collect();
        Self {
            outside,
            real,
            store_runtime,
            places,
            lines: Arc::new(lines),
            lives: 0,
        }
    }

    /// Goes on until `end`, or until `done`, which is asked after every act of the outside world.
    pub fn until(&mut self, end: u64, mut done: impl FnMut(&mut Self) -> bool) {
        loop {
            while let Some(life) = self.outside.sim.next_dirty() {
                self.run(life);
            }
            if done(self) {
                return;
            }
            let Some(due) = self.outside.sim.next_due(end) else {
                return;
            };
            match due {
                Due::Wake(life, waker) => {
                    waker.wake();
                    self.outside.sim.touch(life);
                }
                Due::Store(life, name, work) => {
                    self.store_runtime.block_on(work);
                    if STRIKES.contains(&name) && self.is_struck() {
                        self.strike(life);
                    }
                    self.outside.sim.touch(life);
                }
                Due::Do(what) => what(),
                Due::Act(act) => self.act(act),
            }
        }
    }

    fn run(&self, life: Life) {
        let process = self
            .places
            .iter()
            .filter_map(|place| place.process.as_ref());
        if let Some(process) = process.into_iter().find(|process| process.life == life)
            && !process.paused
        {
            process.run();
        }
    }

    fn is_struck(&self) -> bool {
        let strike = self.outside.state.lock().strike;
        strike > 0.0 && self.outside.sim.draw(|rng| rng.chance(strike))
    }

    /// Kills a process, or holds it up, right after the store did what it asked for and before it
    /// knows.
    fn strike(&mut self, life: Life) {
        let is_it = |place: &Place| place.process.as_ref().is_some_and(|p| p.life == life);
        let Some(place) = self.places.iter().position(is_it) else {
            return;
        };
        let sim = self.outside.sim.clone();
        if sim.draw(|rng| rng.chance(0.6)) {
            self.outside
                .count("worker killed before it knew of its commit");
            self.kill(place);
            let after = sim.draw(|rng| rng.latency(100_000..20_000_000));
            sim.at(sim.now() + after, Due::Act(Act::Start(place)));
        } else {
            self.outside
                .count("worker paused before it knew of its commit");
            self.pause(place, sim.draw(|rng| rng.within(1_000..24_000_000)));
        }
    }

    /// A process that runs and is up, by chance.
    pub fn somebody(&self) -> Option<&Process> {
        let up: Vec<&Process> = self
            .places
            .iter()
            .filter_map(|place| place.process.as_ref())
            .filter(|process| !process.paused && process.worker.lock().is_some())
            .collect();
        if up.is_empty() {
            return None;
        }
        let index = self.outside.sim.draw(|rng| rng.within(0..up.len() as u64));
        Some(up[index as usize])
    }

    /// Runs a task in a process.
    pub fn spawn(&self, process: &Process, work: impl Future<Output = ()> + Send + 'static) {
        drop(process.runtime.spawn(work));
        self.outside.sim.touch(process.life);
    }

    /// Starts a process, unless one runs there.
    pub fn start(&mut self, place: usize) {
        if self.places[place].process.is_some() {
            return;
        }
        self.lives += 1;
        let life = self.lives;
        let parks = Arc::new(Parks::default());
        let hook = Arc::clone(&parks);
        let runtime = Builder::new_current_thread()
            .on_thread_park(move || {
                hook.count.fetch_add(1, Ordering::Relaxed);
                if let Some(waker) = hook.waker.lock().take() {
                    waker.wake();
                }
            })
            .build()
            .unwrap();
        note!(self.outside.sim, "w{life} starts in place {place}");
        let worker = Arc::new(Mutex::new(None));
        let rng = self.places[place].rng.fork(u64::from(life));
        let boot = Boot {
            outside: Arc::clone(&self.outside),
            real: self.real.clone(),
            life,
            skew: Arc::clone(&self.places[place].skew),
            rng,
            lines: Arc::clone(&self.lines),
        };
        let cell = Arc::clone(&worker);
        drop(runtime.spawn(async move {
            let started = boot.start().await;
            *cell.lock() = Some(started);
        }));
        self.places[place].process = Some(Process {
            life,
            runtime,
            parks,
            paused: false,
            stopping: false,
            worker,
        });
        self.outside.sim.touch(life);
    }

    /// Kills what runs there.
    pub fn kill(&mut self, place: usize) {
        let Some(process) = self.places[place].process.take() else {
            return;
        };
        note!(self.outside.sim, "w{} is killed", process.life);
        self.outside.trouble(process.life);
        let life = process.life;
        drop(process.worker.lock().take());
        drop(process.runtime);
        self.outside.disconnect(life);
    }

    /// Asks it to stop within `grace`.
    pub fn stop(&mut self, place: usize, grace: Duration) {
        let Some(process) = self.places[place].process.as_mut() else {
            return;
        };
        if process.paused || process.stopping {
            return;
        }
        let Some(worker) = process.worker.lock().take() else {
            return;
        };
        process.stopping = true;
        let life = process.life;
        note!(self.outside.sim, "w{life} is asked to stop");
        let outside = Arc::clone(&self.outside);
        let work = async move {
            let ended = worker.stop(grace, CancellationToken::new()).await;
            note!(outside.sim, "w{life} has stopped: {ended:?}");
            outside
                .sim
                .at(outside.sim.now(), Due::Act(Act::Gone(place, life)));
        };
        drop(process.runtime.spawn(work));
        self.outside.sim.touch(life);
    }

    /// It has stopped.
    pub fn gone(&mut self, place: usize, life: Life) {
        if self.places[place]
            .process
            .as_ref()
            .is_some_and(|process| process.life == life)
        {
            // What it could not finish in its grace is as lost as if it had been killed.
            self.outside.trouble(life);
            self.places[place].process = None;
            self.outside.disconnect(life);
            // It was told to stop in the storm, and its place should have been taken since.
            let sim = &self.outside.sim;
            if sim.now() >= HEALED {
                sim.at(sim.now() + 1_000_000, Due::Act(Act::Start(place)));
            }
        }
    }

    /// Does not run it for a while; once everything is well it runs.
    pub fn pause(&mut self, place: usize, micros: u64) {
        if let Some(process) = self.places[place].process.as_mut()
            && !process.paused
        {
            process.paused = true;
            let life = process.life;
            let left = HEALED.saturating_sub(self.outside.sim.now());
            let micros = micros.min(left).max(1_000);
            note!(self.outside.sim, "w{life} is paused for {micros} µs");
            self.outside.trouble(life);
            let sim = &self.outside.sim;
            sim.at(sim.now() + micros, Due::Act(Act::Resume(place, life)));
            if micros > 8_000_000 {
                // The broker misses its heartbeats.
                let outside = Arc::clone(&self.outside);
                sim.after(8_000_000, move || outside.requeue(life));
            }
        }
    }

    /// Runs it again.
    pub fn resume(&mut self, place: usize, life: Life) {
        if let Some(process) = self.places[place].process.as_mut()
            && process.life == life
            && process.paused
        {
            process.paused = false;
            note!(self.outside.sim, "w{life} runs again");
            self.outside.count("worker paused");
            self.outside.trouble(life);
            self.outside.sim.touch(life);
        }
    }

    /// Its wall clock is off from now on.
    pub fn skew(&self, place: usize, micros: i64) {
        note!(
            self.outside.sim,
            "the wall clock of place {place} is off by {micros} µs"
        );
        self.places[place].skew.store(micros, Ordering::Relaxed);
    }

    /// Nobody is left.
    pub fn end(mut self) {
        for place in 0..self.places.len() {
            self.kill(place);
        }
        self.outside.sim.clear();
        let real = self.real.clone();
        self.store_runtime
            .block_on(async move { real.close().await });
    }
}
