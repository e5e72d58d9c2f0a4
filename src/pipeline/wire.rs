//! Puts intended tries on the wire, each in its slot, and hands the outcome on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::oneshot;

use crate::domain::fair::Tier;
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::plan::{self, Verdict};
use crate::ports::clock::Monotonic;
use crate::ports::slot::Slot;
use crate::ports::store::IntentEntry;
use crate::telemetry::record;

use super::again::{Asked, NewSlot};
use super::deps::{Deps, Route};
use super::gate::case;
use super::intent::entry;
use super::late::Lateness;
use super::later::about;
use super::line::Line;
use super::ready::Ready;
use super::settle::{Settler, after_try, forfeit};

/// A gateway is left alone for so long when it refuses us and does not say for how long.
const PAUSE: Duration = Duration::from_secs(5);

/// What one message's fault says about all of them is believed for so long at most.
const PAUSE_BY_ONE: Duration = Duration::from_mins(1);

/// No gateway is given more time than this to get ready for a slot.
const LONGEST_LEAD: Duration = Duration::from_secs(10);

/// What begins later than this after its intent is looked at again so long before it begins: meanwhile
/// it may have been stopped, and nothing leaves later than two seconds after a stop.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// The store answers that look so long before the slot, or the slot is given up.
const LOOKED: Duration = Duration::from_millis(100);

/// What is late again and again waits about so long.
const LATE_AGAIN: Duration = Duration::from_secs(2);

/// A try asks so often for another slot before it begins anew.
const ASKS: u32 = 3;

/// Another slot is granted or refused within this, or the try begins anew.
const ANSWERED: Duration = Duration::from_secs(2);

/// The slot was given up, and nothing was sent.
#[derive(Debug)]
enum Forfeited {
    /// It was missed, and nothing else stands in the way: another one will do.
    Missed,
    /// The delivery goes on after a pause, with a new intent; no try is counted.
    GoesOn(Duration),
}

impl Forfeited {
    /// It goes on at once.
    const NOW: Self = Self::GoesOn(Duration::ZERO);
}

/// How long before its slot a message begins on this route.
pub fn lead(route: &Route) -> Duration {
    route.gateway.lead().min(LONGEST_LEAD)
}

/// For how long the fleet leaves the gateway alone after `outcome`.
fn pause_after(outcome: &Outcome) -> Option<Duration> {
    const SHORTEST: Duration = Duration::from_millis(100);
    match outcome {
        Outcome::NotSent(Fault::Channel { retry_after }) => Some(
            retry_after
                .unwrap_or(PAUSE)
                .clamp(SHORTEST, Duration::from_hours(1)),
        ),
        Outcome::NotSent(Fault::Transient { retry_after }) => {
            retry_after.map(|wait| wait.clamp(SHORTEST, PAUSE_BY_ONE))
        }
        Outcome::NotSent(Fault::Permanent { .. } | Fault::Late)
        | Outcome::Accepted { .. }
        | Outcome::Unknown => None,
    }
}

/// One try between its intent and its outcome.
#[derive(Debug)]
pub struct Flight {
    /// What it works with.
    pub deps: Arc<Deps>,
    /// Where it goes.
    pub line: Arc<Line>,
    /// Where the outcome goes.
    pub settler: Settler,
    /// What goes.
    pub ready: Ready,
    /// When its slot begins.
    pub starts_at: Monotonic,
    /// When the store's clock was read for its slot.
    pub granted_at: Monotonic,
    /// How long before its slot it was to begin when the slot was asked for.
    pub lead: Duration,
}

impl Flight {
    /// Waits for the slot, sends, and hands the outcome on.
    pub async fn fly(mut self) {
        let mut asks = ASKS;
        let sent = loop {
            let sent = self.send().await;
            if asks == 0 || !matches!(sent, Err(Forfeited::Missed)) {
                break sent;
            }
            asks -= 1;
            let Some(slot) = self.another_slot().await else {
                break sent;
            };
            self.starts_at = slot.starts_at;
            self.granted_at = slot.granted_at;
            // The last look before it leaves takes the lists as they are now.
            self.ready.held.opted_out = self.deps.opt_outs.of(&self.ready.held);
        };
        let settlement = match sent {
            Ok(outcome) => {
                if let Some(pause) = pause_after(&outcome) {
                    self.pause(pause).await;
                }
                after_try(&self.deps, &self.ready.held, &outcome)
            }
            Err(Forfeited::GoesOn(pause)) => forfeit(&self.deps, &self.ready.held, pause),
            Err(Forfeited::Missed) => forfeit(&self.deps, &self.ready.held, Duration::ZERO),
        };
        self.settler.settle(settlement).await;
        self.line.landed();
        let (room, worth) = self.line.room();
        if room >= worth {
            self.deps.bells.ready.notify_waiters();
        }
    }

    /// Asks for another slot; `None`: there is none.
    async fn another_slot(&self) -> Option<NewSlot> {
        let deps = &self.deps;
        let held = &self.ready.held;
        let (answer, answered) = oneshot::channel();
        self.line.again.ask(Asked {
            entry: IntentEntry {
                again: true,
                cover: None,
                ..entry(deps, &self.ready)
            },
            rate: held.agency_rate(self.ready.outbound.channel()),
            urgent: held.tier() == Tier::Urgent,
            answer,
        });
        deps.bells.ready.notify_waiters();
        tokio::select! {
            biased;
            slot = answered => slot.ok(),
            () = deps.stop.cancelled() => None,
            () = deps.clock.sleep(ANSWERED) => None,
        }
    }

    /// Whether another slot of this line is the best that can become of a missed one: there is no
    /// other line that the message may take, and this worker is alive.
    fn asks_again(&self, now: Monotonic) -> bool {
        let others = self.deps.lines.on(self.ready.outbound.channel());
        let free = |line: &Arc<Line>| {
            !Arc::ptr_eq(line, &self.line)
                && !line.vitals.is_open()
                && line.free_again(now).is_none()
                && line.room().0 > 0
        };
        self.line.may_be_used(now)
            && self.deps.is_alive(now)
            && (self.ready.held.through.is_some() || !others.iter().any(free))
    }

    /// Waits for the slot and sends.
    ///
    /// # Errors
    /// The slot is over, the gateway is left alone since it was granted, or this worker may be taken
    /// for dead; nothing was sent.
    async fn send(&self) -> Result<Outcome, Forfeited> {
        let clock = &self.deps.clock;
        let route = &self.line.route;
        // What others may have taken over is not sent, whatever the slot says.
        let closes = self
            .starts_at
            .plus(self.deps.policy.slot_tolerance)
            .min(self.deps.alive_until());
        // Whoever begins first may have opened what the others, too, were given the time to open.
        let lead = lead(route);
        let begins = self.starts_at.minus(lead.max(self.lead));
        clock.sleep_until(begins).await;
        // Who begins later than this is hardly ready in time, and may lose a connection by it.
        let too_late = closes.minus(lead.min(self.lead));
        let permit = tokio::select! {
            biased;
            permit = self.line.request(&**clock) => permit,
            () = clock.sleep_until(too_late) => None,
        };
        let now = clock.monotonic();
        let (Some(_permit), true) = (permit, now <= too_late && !self.line.is_paused(now)) else {
            record::slot_forfeited(&route.name);
            return Err(if self.asks_again(now) {
                Forfeited::Missed
            } else {
                Forfeited::NOW
            });
        };
        // The intent's commit may have taken its time, and the register's answer grown too old.
        if (self.ready.held).needs_lookup(closes, self.deps.policy.register_fresh) {
            return Err(Forfeited::NOW);
        }
        // The slot may lie behind the end of a window or a deadline: the last look (I-7, I-12) is
        // at the latest moment at which it could go.
        let latest = clock.now().plus(closes.since(now));
        if !matches!(
            plan::decide(&case(&self.ready.held, latest)),
            Verdict::Send { .. }
        ) {
            return Err(Forfeited::NOW);
        }
        let slot = Slot::new(
            Arc::clone(clock),
            route.name.as_str(),
            self.ready.outbound.cost(),
            self.starts_at,
            closes,
        );
        let deadline = route.deadline + slot.opens_in();
        let submit = route.gateway.submit(&self.ready.outbound, slot, deadline);
        let submit = AssertUnwindSafe(submit).catch_unwind();
        let Some(submitted) = self.while_wanted(submit).await else {
            return Err(Forfeited::NOW);
        };
        let outcome = submitted.unwrap_or_else(|_panic| {
            tracing::error!(gateway.name = %route.name, "the gateway's adapter panicked; the try is unknown");
            Outcome::Unknown
        });
        let took = clock.monotonic().since(now);
        if outcome == Outcome::NotSent(Fault::Late) {
            record::slot_forfeited(&route.name);
            return self.too_slow();
        }
        self.line.took(took);
        self.count(&outcome, now);
        record::wire(&route.name, outcome.as_str(), took);
        Ok(outcome)
    }

    /// Lets the gateway get ready and send; `None`: it was broken off before its slot began, so that
    /// nothing left, because the message is not wanted any more. With the usual lead there is no time
    /// to look again, and no need.
    async fn while_wanted<T>(&self, submit: impl Future<Output = T>) -> Option<T> {
        if self.starts_at.since(self.granted_at) <= LOOKS_AGAIN {
            return Some(submit.await);
        }
        let clock = &self.deps.clock;
        let mut submit = std::pin::pin!(submit);
        let wanted = async {
            clock.sleep_until(self.starts_at.minus(LOOKS_AGAIN)).await;
            let (agency, delivery) = (self.ready.held.claimed.agency, self.ready.outbound.delivery);
            let answer = self.deps.store.is_wanted(agency, delivery);
            tokio::select! {
                biased;
                answer = answer => answer.unwrap_or(false),
                () = clock.sleep_until(self.starts_at.minus(LOOKED)) => false,
            }
        };
        tokio::select! {
            biased;
            wanted = wanted => {
                // From the beginning of the slot on it may be on the wire.
                if !wanted && clock.monotonic() < self.starts_at {
                    return None;
                }
            }
            done = &mut submit => return Some(done),
        }
        Some(submit.await)
    }

    /// Counts it for the gateway's health, without the time that it waited for its slot.
    fn count(&self, outcome: &Outcome, began: Monotonic) {
        let took = self.deps.clock.monotonic().since(self.starts_at.max(began));
        let (name, delivery) = (&self.line.route.name, self.ready.outbound.delivery);
        if self.line.vitals.count(name, delivery, outcome, took) {
            self.deps.bells.health.notify_one();
        }
    }

    /// The gateway was too slow for the slot. Once is nobody's fault; a message that is late again and
    /// again would take one slot after the other from those that are not, and so waits its turn.
    fn too_slow(&self) -> Result<Outcome, Forfeited> {
        let now = self.deps.clock.monotonic();
        let delivery = self.ready.outbound.delivery;
        match self.line.late.came(delivery, now) {
            Lateness::Again if self.asks_again(now) => Err(Forfeited::Missed),
            Lateness::Again => Err(Forfeited::NOW),
            Lateness::Later => Err(Forfeited::GoesOn(about(&self.deps, LATE_AGAIN))),
            Lateness::Fault => {
                let name = &self.line.route.name;
                tracing::debug!(
                    gateway.name = %name,
                    delivery.id = %delivery,
                    "{name} was too slow for this delivery for a minute; it waits as after a fault"
                );
                Ok(Outcome::NotSent(Fault::Transient { retry_after: None }))
            }
        }
    }

    /// The whole fleet leaves the gateway alone for a while.
    async fn pause(&self, pause: Duration) {
        let name = &self.line.route.name;
        let now = self.deps.clock.monotonic();
        if !self.line.is_paused(now) {
            tracing::warn!(gateway.name = %name, pause_seconds = pause.as_secs_f64(), "{name} cannot take anything now; it is left alone");
        }
        self.line
            .pause_until(now.plus(pause.min(Duration::from_secs(2))));
        if let Err(error) = self.deps.store.pause(name, pause).await {
            record::store_error("pause");
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot tell the fleet to leave {name} alone"
            );
        }
    }
}
