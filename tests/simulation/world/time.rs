//! Simulated time: what happens next, and the trace of what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::faults::Act;
use super::rng::Rng;

/// So much does not happen at one moment, unless a loop spins.
const AT_ONCE: u64 = 100_000;

/// One life of a worker process; 0 is the world outside.
pub type Life = u32;

/// What is due at a moment.
pub enum Due {
    /// A sleep is over.
    Wake(Life, Waker),
    /// The store does one call, whole; who asked, and what for.
    Store(Life, &'static str, BoxFuture<'static, ()>),
    /// Something outside the workers happens.
    Do(Box<dyn FnOnce() + Send>),
    /// Something happens to the workers.
    Act(Act),
}

struct State {
    seed: u64,
    /// Microseconds since the beginning.
    now: u64,
    order: u64,
    due: BTreeMap<(u64, u64), Due>,
    dirty: BTreeSet<Life>,
    rng: Rng,
    trace: Trace,
    steps: u64,
    /// Those of this moment.
    at_once: u64,
}

/// The simulation's time.
#[derive(Clone)]
pub struct Sim(Arc<Mutex<State>>);

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sim")
    }
}

/// What happened: always as a digest, as text when asked for.
#[derive(Default)]
pub struct Trace {
    digest: u64,
    keep: bool,
    pub lines: Vec<String>,
}

impl Sim {
    pub fn new(seed: u64, keep: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            seed,
            now: 0,
            order: 0,
            due: BTreeMap::new(),
            dirty: BTreeSet::new(),
            rng: Rng::new(seed),
            trace: Trace {
                digest: 0xcbf2_9ce4_8422_2325,
                keep,
                lines: Vec::new(),
            },
            steps: 0,
            at_once: 0,
        })))
    }

    pub fn now(&self) -> u64 {
        self.0.lock().now
    }

    /// Draws from the outside world's generator.
    pub fn draw<T>(&self, from: impl FnOnce(&mut Rng) -> T) -> T {
        from(&mut self.0.lock().rng)
    }

    /// Says what happens.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let mut state = self.0.lock();
        let now = state.now;
        let line = format!("{:>11.6} {what}", now as f64 / 1e6);
        for byte in line.bytes() {
            state.trace.digest =
                (state.trace.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if state.trace.keep {
            state.trace.lines.push(line);
        }
    }

    pub fn at(&self, at: u64, due: Due) -> (u64, u64) {
        let mut state = self.0.lock();
        state.order += 1;
        let key = (at.max(state.now), state.order);
        state.due.insert(key, due);
        key
    }

    pub fn after(&self, micros: u64, what: impl FnOnce() + Send + 'static) {
        let at = self.now() + micros;
        self.at(at, Due::Do(Box::new(what)));
    }

    /// Something that `life` waits for has happened: it must run.
    pub fn touch(&self, life: Life) {
        self.0.lock().dirty.insert(life);
    }

    pub fn next_dirty(&self) -> Option<Life> {
        self.0.lock().dirty.pop_first()
    }

    /// Moves the clock to what is due next, unless that is after `end`.
    pub fn next_due(&self, end: u64) -> Option<Due> {
        let mut state = self.0.lock();
        let next = state.due.first_key_value().map(|(key, _)| *key);
        let Some(key) = next.filter(|key| key.0 <= end) else {
            state.now = state.now.max(end);
            return None;
        };
        if key.0 > state.now {
            state.now = key.0;
            state.at_once = 0;
        }
        state.steps += 1;
        state.at_once += 1;
        assert!(
            state.at_once < AT_ONCE,
            "seed {}: time stands still at {:.6} s, some loop spins",
            state.seed,
            state.now as f64 / 1e6
        );
        state.due.remove(&key)
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.0.lock().steps
    }

    /// Sleeps as `life`.
    pub fn sleep(&self, life: Life, duration: Duration) -> Sleep {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4);
        Sleep {
            sim: self.clone(),
            life,
            at: self.now().saturating_add(micros),
            key: None,
        }
    }

    /// The digest and the lines.
    pub fn trace(&self) -> (u64, Vec<String>) {
        let mut state = self.0.lock();
        (state.trace.digest, std::mem::take(&mut state.trace.lines))
    }

    /// Forgets what is due; breaks the circles of references at the end.
    pub fn clear(&self) {
        let due = std::mem::take(&mut self.0.lock().due);
        drop(due);
    }
}

/// Ends at its time.
#[derive(Debug)]
pub struct Sleep {
    sim: Sim,
    life: Life,
    at: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.is_some() && self.sim.now() >= self.at {
            return Poll::Ready(());
        }
        let due = Due::Wake(self.life, cx.waker().clone());
        if let Some(key) = self.key {
            if let Some(waiting) = self.sim.0.lock().due.get_mut(&key) {
                *waiting = due;
            }
        } else {
            let key = self.sim.at(self.at, due);
            self.key = Some(key);
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let gone = self.sim.0.lock().due.remove(&key);
            drop(gone);
        }
    }
}

/// The note of one line.
macro_rules! note {
    ($sim:expr, $($what:tt)*) => { $sim.note(format_args!($($what)*)) };
}
pub(crate) use note;
