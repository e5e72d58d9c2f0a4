//! Holds us back: calls in flight, calls a second, and pauses after the register failed or refused
//! us. One brake per process; the register's own limits are not published (`domain.md` 1.8).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::org_number::OrgNumber;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::entropy::Entropy;

/// The first pause after a failure; each further one in a row is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that we think of ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long nobody is looked up for somebody whom the register refuses.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct State {
    /// When the next call may start.
    next: Option<Monotonic>,
    /// Failures in a row.
    failures: u32,
    /// Nobody calls before this.
    open_until: Option<Monotonic>,
    /// One is trying whether the register is back.
    trying: bool,
    /// For whom we are refused, until when, and what it said.
    refused: HashMap<Option<OrgNumber>, (Monotonic, String)>,
}

/// Why no call may be made now.
#[derive(Debug)]
pub(super) enum Held {
    /// The register failed a moment ago; not before this has passed.
    Open(Duration),
    /// The register refuses us.
    Refused(String),
}

/// The brake.
#[derive(Debug)]
pub(super) struct Brake {
    state: Mutex<State>,
    in_flight: Semaphore,
    interval: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Leave to make one call. Dropped without a word, it says nothing of the register.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    brake: &'a Brake,
    trial: bool,
    _place: SemaphorePermit<'a>,
}

impl Brake {
    pub(super) fn new(
        concurrency: usize,
        rate: f64,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            state: Mutex::default(),
            in_flight: Semaphore::new(concurrency.max(1)),
            interval: Duration::from_secs_f64(1.0 / rate.max(0.001)),
            clock,
            entropy,
        }
    }

    /// Waits for a place and for the rate; does not wait for a register that failed.
    pub(super) async fn leave(&self, consumer: Option<&OrgNumber>) -> Result<Leave<'_>, Held> {
        // Checked before waiting, so that nobody queues for a register that is down.
        self.check(consumer)?;
        let place = self.in_flight.acquire().await;
        let Ok(place) = place else {
            return Err(Held::Open(FIRST_PAUSE)); // never closed
        };
        let (leave, wait) = {
            let mut state = self.state.lock();
            let now = self.clock.monotonic();
            Self::held(&mut state, consumer, now)?;
            let trial = state.failures > 0;
            if trial && state.trying {
                return Err(Held::Open(FIRST_PAUSE));
            }
            state.trying |= trial;
            let start = state.next.map_or(now, |next| next.max(now));
            state.next = Some(start.plus(self.interval));
            let leave = Leave {
                brake: self,
                trial,
                _place: place,
            };
            (leave, start.since(now))
        };
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        Ok(leave)
    }

    /// Whether anybody may call at all now; asked before a token is fetched in vain.
    ///
    /// # Errors
    /// [`Held`].
    pub(super) fn check(&self, consumer: Option<&OrgNumber>) -> Result<(), Held> {
        Self::held(&mut self.state.lock(), consumer, self.clock.monotonic())
    }

    fn held(state: &mut State, consumer: Option<&OrgNumber>, now: Monotonic) -> Result<(), Held> {
        if let Some(until) = state.open_until.filter(|until| now < *until) {
            return Err(Held::Open(until.since(now)));
        }
        let key = consumer.cloned();
        match state.refused.get(&key) {
            Some((until, text)) if now < *until => return Err(Held::Refused(text.clone())),
            Some(_) => {
                state.refused.remove(&key);
            }
            None => {}
        }
        Ok(())
    }

    /// The register refuses us for `consumer`.
    pub(super) fn refuse(&self, consumer: Option<&OrgNumber>, text: &str) {
        let pause = REFUSED_PAUSE.mul_f64(0.75 + 0.5 * self.entropy.unit());
        let until = self.clock.monotonic().plus(pause);
        let mut state = self.state.lock();
        state
            .refused
            .insert(consumer.cloned(), (until, text.to_owned()));
    }
}

impl Leave<'_> {
    /// The register answered.
    pub(super) fn answered(self) {
        let mut state = self.brake.state.lock();
        state.failures = 0;
        state.open_until = None;
    }

    /// The register failed. Returns how long nobody calls now.
    pub(super) fn failed(self, retry_after: Option<Duration>) -> Duration {
        let brake = self.brake;
        let now = brake.clock.monotonic();
        let mut state = brake.state.lock();
        // Those already under way when the first one failed do not count again.
        if state.open_until.is_none_or(|until| now >= until) {
            state.failures = state.failures.saturating_add(1);
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (state.failures.saturating_sub(1)).min(10));
        let own = doubled
            .min(LONGEST_PAUSE)
            .mul_f64(0.5 + 0.5 * brake.entropy.unit());
        let pause = retry_after.map_or(own, |asked| asked.max(FIRST_PAUSE));
        let until = state.open_until.max(Some(now.plus(pause)));
        state.open_until = until;
        let until = until.unwrap_or(now);
        until.since(now)
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.trial {
            self.brake.state.lock().trying = false;
        }
    }
}
