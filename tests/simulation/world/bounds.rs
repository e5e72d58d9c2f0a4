//! Judges what went on the wire: I-3 and I-8.

use std::collections::BTreeMap;

use budstikke::domain::ids::DeliveryId;
use budstikke::domain::kinds::IfUncertain;

use super::fleet::Line;
use super::oracle::{ClockSet, Oracle, Wire};

/// I-3: at most once when nothing was ambiguous, at most twice ever, at most once with `leave`.
pub fn duplicates(oracle: &Oracle) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut by_delivery: BTreeMap<DeliveryId, Vec<&Wire>> = BTreeMap::new();
    for wire in &oracle.wires {
        by_delivery.entry(wire.delivery).or_default().push(wire);
    }
    for (delivery, wires) in by_delivery {
        let taken = wires.iter().filter(|wire| wire.taken.is_some()).count();
        let leave = oracle
            .names
            .get(&delivery.job())
            .and_then(|name| oracle.jobs.get(name))
            .is_some_and(|known| known.spec.if_uncertain == IfUncertain::Leave);
        let bound = if leave || !wires.iter().any(|wire| ambiguous(oracle, wire)) {
            1
        } else {
            2
        };
        if taken > bound {
            wrong.push(format!(
                "I-3: {delivery} was taken over {taken} times, {bound} allowed (leave: {leave})"
            ));
        }
    }
    wrong
}

/// Its outcome may not have been known, or not have been stored in time.
fn ambiguous(oracle: &Oracle, wire: &Wire) -> bool {
    let troubled = oracle.troubled.get(&wire.life);
    wire.ambiguous
        || troubled
            .into_iter()
            .flatten()
            .any(|at| *at >= wire.at.saturating_sub(30_000_000))
}

/// Slots reach so many microseconds ahead, and may be a little late.
const AHEAD: u64 = 600_000;

/// I-8: in every window W at most r · (W + 50 ms) + b parts leave.
pub fn rate(oracle: &Oracle, line: &Line) -> Vec<String> {
    let mut sent: Vec<(u64, u32)> = oracle
        .wires
        .iter()
        .filter(|wire| wire.gateway == line.name)
        .map(|wire| (wire.at, wire.cost))
        .collect();
    sent.sort_unstable();
    let largest = sent.iter().map(|(_, cost)| *cost).max().unwrap_or(1);
    let burst = f64::from(line.burst.max(largest));
    for (index, (from, _)) in sent.iter().enumerate() {
        let mut parts = 0;
        for (at, cost) in &sent[index..] {
            parts += cost;
            let window = (at - from) as f64 / 1e6;
            // What was granted ahead by the old clock goes beside what is granted by the new one.
            let sets = |set: &&ClockSet| set.by > 0 && set.at + AHEAD >= *from && set.at <= *at;
            let twice = oracle.clock_sets.iter().filter(sets).count() as f64;
            let more = twice * (line.rate * AHEAD as f64 / 1e6 + burst);
            if f64::from(parts) > line.rate * (window + 0.05) + burst + more + 1e-6 {
                return vec![format!(
                    "I-8: {parts} parts in {window} s by {} at {}/s",
                    line.name, line.rate
                )];
            }
        }
    }
    Vec::new()
}
