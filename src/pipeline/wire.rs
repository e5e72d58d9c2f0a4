//! Puts intended tries on the wire, each in its slot, and hands the outcome on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;

use crate::domain::outcome::{Fault, Outcome};
use crate::domain::plan::{self, Verdict};
use crate::ports::clock::Monotonic;
use crate::ports::slot::Slot;
use crate::telemetry::record;

use super::deps::Deps;
use super::gate::case;
use super::line::Line;
use super::ready::Ready;
use super::settle::{Settler, after_try, forfeit};

/// A gateway is left alone for so long when it refuses us and does not say for how long.
const PAUSE: Duration = Duration::from_secs(5);

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
}

impl Flight {
    /// Waits for the slot, sends, and hands the outcome on.
    pub async fn fly(self) {
        let settlement = match self.send().await {
            Some(outcome) => {
                if let Outcome::NotSent(Fault::Channel { retry_after }) = &outcome {
                    self.pause(*retry_after).await;
                }
                after_try(&self.deps, &self.ready.held, &outcome)
            }
            None => forfeit(&self.deps, &self.ready.held),
        };
        self.settler.settle(settlement).await;
        self.line.landed();
        let (room, worth) = self.line.room();
        if room >= worth {
            self.deps.bells.ready.notify_waiters();
        }
    }

    /// `None`: the slot is over, or this worker may be taken for dead; nothing was sent.
    async fn send(&self) -> Option<Outcome> {
        let clock = &self.deps.clock;
        let now = clock.monotonic();
        if self.starts_at > now {
            clock.sleep(self.starts_at.since(now)).await;
        }
        let _permit = self.line.request().await?;
        let now = clock.monotonic();
        if now.since(self.starts_at) > self.deps.policy.slot_tolerance || !self.deps.is_alive(now) {
            record::slot_forfeited(&self.line.route.name);
            return None;
        }
        // The slot may lie behind the end of a window or a deadline: the last look (I-7, I-12).
        let last = plan::decide(&case(&self.ready.held, clock.now()));
        if !matches!(last, Verdict::Send { .. }) {
            return None;
        }
        let slot = Slot::new(
            Arc::clone(clock),
            self.line.route.name.as_str(),
            self.ready.outbound.cost(),
            self.starts_at,
            self.starts_at.plus(self.deps.policy.slot_tolerance),
        );
        let submit =
            self.line
                .route
                .gateway
                .submit(&self.ready.outbound, slot, self.line.route.deadline);
        let outcome = AssertUnwindSafe(submit).catch_unwind().await.unwrap_or_else(|_panic| {
            tracing::error!(gateway.name = %self.line.route.name, "the gateway's adapter panicked; the try is unknown");
            Outcome::Unknown
        });
        let took = clock.monotonic().since(now);
        if outcome == Outcome::NotSent(Fault::Late) {
            record::slot_forfeited(&self.line.route.name);
            return None;
        }
        self.line.took(took);
        record::wire(&self.line.route.name, outcome.as_str(), took);
        Some(outcome)
    }

    /// Not about this message: the whole fleet leaves the gateway alone for a while.
    async fn pause(&self, retry_after: Option<Duration>) {
        let pause = retry_after
            .unwrap_or(PAUSE)
            .clamp(Duration::from_millis(100), Duration::from_hours(1));
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
