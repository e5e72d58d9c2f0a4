//! What the agencies do when: their jobs, their second thoughts, and what they do on later days.

use std::sync::Arc;

use budstikke::domain::person::PersonNumber;

use super::faults::Act;
use super::fleet::Fleet;
use super::oracle::Known;
use super::outside::Outside;
use super::rng::Rng;
use super::storm::{Storm, act, enqueue, window};
use super::workload::Spec;

const S: u64 = 1_000_000;

impl Storm {
    pub fn jobs(&self, rng: &mut Rng, outside: &Arc<Outside>, people: &[PersonNumber]) {
        for number in 0..rng.within(3..11) {
            let at = rng.within(S / 2..30 * S);
            let now = outside.wall.plus(std::time::Duration::from_micros(at));
            let spec = Spec::any(rng, number, outside.agencies.len(), people, now, self.days);
            let (agency, name) = (spec.agency, spec.name.clone());
            if spec.reminders > 0 && rng.chance(0.6) {
                let who = rng.within(0..spec.recipients.len() as u64) as usize;
                let at = at + rng.within(0..60 * S);
                act(outside, at, Act::Opened(agency, name.clone(), who));
            }
            enqueue(outside, spec);
            if rng.chance(0.7) {
                act(outside, at, Act::Publish(agency, name.clone()));
                if self.kinds.broker && rng.chance(0.4) {
                    // Its confirm got lost: the agency publishes it again.
                    act(
                        outside,
                        at + rng.within(0..20 * S),
                        Act::Publish(agency, name.clone()),
                    );
                }
            } else {
                act(outside, at, Act::Offer(agency, name.clone()));
                if self.kinds.broker && rng.chance(0.3) {
                    act(
                        outside,
                        at + rng.within(0..20 * S),
                        Act::Offer(agency, name.clone()),
                    );
                }
            }
            if self.kinds.cancels && rng.chance(0.35) {
                let at = at + rng.latency(0..40 * S);
                act(outside, at, Act::Cancel(agency, name));
            }
        }
        if self.kinds.broker {
            let lost = rng.unit() * 0.5;
            window(rng, outside, move |state, on| {
                state.ack_lost = if on { lost } else { 0.0 }
            });
        }
        if self.kinds.halts {
            let who = *rng.pick(&[None, Some(0), Some(1)]);
            let at = rng.within(5 * S..35 * S);
            act(outside, at, Act::Halt(who));
            act(outside, at + rng.within(S..20 * S), Act::GoOn(who));
        }
    }

    /// The faults of another day: workers die, and gateways are as they usually are.
    pub fn morning(&self, rng: &mut Rng, fleet: &Fleet, day: u8) {
        let outside = &fleet.outside;
        let now = outside.sim.now();
        outside.count("another day");
        for line in &self.lines {
            let usual = self.usual(rng);
            outside
                .state
                .lock()
                .gateways
                .insert(line.name.to_owned(), usual);
        }
        if self.kinds.kills {
            let at = now + rng.within(2 * S..50 * S);
            let place = rng.within(0..self.places as u64) as usize;
            act(outside, at, Act::Kill(place));
            act(outside, at + S, Act::Start(place));
        }
        let letters: Vec<(usize, String, usize)> = {
            let state = outside.state.lock();
            let of = |known: &Known| {
                (
                    known.spec.agency,
                    known.spec.name.clone(),
                    known.spec.recipients.len(),
                )
            };
            state
                .oracle
                .jobs
                .values()
                .filter(|known| known.spec.reminders >= day)
                .map(of)
                .collect()
        };
        for (agency, name, recipients) in letters {
            let at = now + rng.latency(0..60 * S);
            if rng.chance(0.3) {
                let who = rng.within(0..recipients as u64) as usize;
                act(outside, at, Act::Opened(agency, name, who));
            } else if self.kinds.cancels && rng.chance(0.3) {
                act(outside, at, Act::Cancel(agency, name));
            }
        }
    }
}
