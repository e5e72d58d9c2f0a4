//! Whose turn it is: which gateway takes the next batch, when an open one gets a probe, and which
//! retries it may take.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::clock::Monotonic;
use crate::telemetry::record;

use super::intent::{GATHER, Pump};
use super::later::{about, later};
use super::line::Line;
use super::ready::Ready;
use super::vitals::is_retry;

/// A probe that could not go is thought of again after this; the store says when one may.
const PROBE_AGAIN: Duration = Duration::from_millis(500);

/// So many that may go are looked for before a probe is put off: the last gate shuts for some.
const LOOKS: usize = 8;

/// What is over the retry budget waits about so long: 5 to 15 s.
const BUDGET_PAUSE: Duration = Duration::from_secs(10);

impl Pump {
    fn lines(&self) -> &[Arc<Line>] {
        self.deps.lines.on(self.channel)
    }

    /// The line whose turn it is by weight, among those whose circuit is closed, that are not
    /// paused, have a slot within reach and room, and for which anything is held.
    pub(super) fn pick(&self, now: Monotonic) -> Option<&Arc<Line>> {
        let free = |line: &&Arc<Line>| {
            !line.vitals.is_open()
                && line.free_again(now).is_none()
                && line.room().0 > 0
                && self.ready.has_for(self.channel, &line.route.name)
        };
        self.lines()
            .iter()
            .filter(free)
            .max_by_key(|line| line.credit())
    }

    /// Other slots for tries of lines that are not `next`, whose batch takes its own along. Answers
    /// whether anybody asked.
    pub(super) async fn slots_again(&self, now: Monotonic, next: Option<&Arc<Line>>) -> bool {
        let asked = |line: &&Arc<Line>| line.again.any();
        let (usable, left): (Vec<_>, Vec<_>) =
            (self.lines().iter().filter(asked)).partition(|line| line.may_be_used(now));
        for line in left {
            line.again.refuse();
        }
        let alone = |line: &&Arc<Line>| next.is_none_or(|next| !Arc::ptr_eq(next, line));
        let free = |line: &&Arc<Line>| line.free_again(now).is_none();
        let lines: Vec<_> = usable.into_iter().filter(alone).filter(free).collect();
        if !lines.is_empty() {
            let deps = &self.deps;
            // An error is told there; what is asked for was looked at with the lists as they were.
            drop(deps.opt_outs.refresh(&*deps.store, &*deps.clock).await);
            deps.clock.sleep(GATHER).await;
        }
        for line in &lines {
            self.batch(line, Vec::new()).await;
        }
        !lines.is_empty()
    }

    /// How long until somebody who asks may get another slot.
    pub(super) fn asks_in(&self, now: Monotonic) -> Option<Duration> {
        let asked = self.lines().iter().filter(|line| line.again.any());
        asked.filter_map(|line| line.free_again(now)).min()
    }

    /// How long until a line is free, or a probe may be asked for.
    pub(super) fn free_in(&self, now: Monotonic) -> Option<Duration> {
        let next = |line: &Arc<Line>| match line.vitals.probe_in(now) {
            None => line.free_again(now),
            Some(probe) => Some(probe.max(line.free_again(now).unwrap_or_default())),
        };
        self.lines().iter().filter_map(next).min()
    }

    /// Smooth weighted turns, counted in messages, among the lines that may be used. A probe is
    /// nobody's turn.
    pub(super) fn charge(&self, line: &Line, messages: usize) {
        if line.vitals.is_open() {
            return;
        }
        let mut total = 0_u32;
        for each in self.lines().iter().filter(|each| !each.vitals.is_open()) {
            each.earn(messages);
            total = total.saturating_add(each.weight());
        }
        line.pay(messages, total);
    }

    /// Sends one message of the least urgent lane through an open line, if it is time for a probe and
    /// of the whole fleet this process gets it.
    pub(super) async fn probe_if_due(&self) {
        let now = self.deps.clock.monotonic();
        let due = |line: &&Arc<Line>| {
            line.vitals.probe_in(now) == Some(Duration::ZERO) && line.free_again(now).is_none()
        };
        let Some(line) = self.lines().iter().find(due) else {
            return;
        };
        line.vitals.probe_later(now.plus(PROBE_AGAIN));
        let Some(ready) = self.one_for_a_probe(line).await else {
            return;
        };
        let name = &line.route.name;
        let every = self.deps.policy.health.probe_every;
        match self.deps.store.take_probe(name, every).await {
            Ok(true) => {
                line.vitals.probe_later(now.plus(every));
                line.vitals.probing(ready.outbound.delivery);
                tracing::debug!(gateway.name = %name, "a probe goes to {name}");
                self.batch(line, vec![ready]).await;
            }
            Ok(false) => self.ready.put_back(self.channel, vec![ready]),
            Err(error) => {
                self.ready.put_back(self.channel, vec![ready]);
                record::store_error("take_probe");
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot ask for a probe of {name}"
                );
            }
        }
    }

    async fn one_for_a_probe(&self, line: &Line) -> Option<Ready> {
        for _ in 0..LOOKS {
            let name = &line.route.name;
            let one = self.ready.take_least_urgent(self.channel, name)?;
            if let Some(ready) = self.last_gate(vec![one]).await.pop() {
                return Some(ready);
            }
        }
        None
    }

    /// Retries beyond the line's budget wait a little; no try is counted.
    pub(super) async fn within_budget(&self, line: &Line, taken: Vec<Ready>) -> Vec<Ready> {
        if !taken.iter().any(|ready| is_retry(&ready.held.claimed)) {
            return taken;
        }
        let mut left = line.vitals.retries_left(self.deps.clock.monotonic());
        let (go, over): (Vec<_>, Vec<_>) = taken.into_iter().partition(|ready| {
            let retry = is_retry(&ready.held.claimed);
            let goes = !retry || left > 0;
            left = left.saturating_sub(usize::from(retry));
            goes
        });
        if !over.is_empty() {
            record::retries_held(&line.route.name, over.len());
            let now = self.deps.clock.now();
            for ready in over {
                let pause = about(&self.deps, BUDGET_PAUSE);
                self.settler.settle(later(&ready.held, now, pause)).await;
            }
        }
        go
    }
}
