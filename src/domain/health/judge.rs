//! Judges the gateways of one channel by what the fleet saw of them.

use std::time::Duration;

use super::shift::{Standing, compare};
use super::state::{Circuit, GatewayState, Rules, Share};
use super::tally::{Bin, Tally, window};
use crate::domain::time::Timestamp;

/// A gateway as the fleet saw it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// What is decided so far.
    pub state: GatewayState,
    /// What its tries came to.
    pub bins: Vec<Bin>,
}

/// Something else is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// About which of the channel's gateways.
    pub index: usize,
    /// What.
    pub to: GatewayState,
    /// Why, in words; `None`: it is only noted that it looks worse than the others.
    pub reason: Option<String>,
    /// What it rests on.
    pub figures: Tally,
}

/// What is to change at `now` among the gateways of one channel.
///
/// A circuit opens when `open_at` of at least `least` tries in the window failed, or when all of at
/// least as many failed in the last `outage` of it. The share of a gateway that is clearly worse than the closed others shrinks a step, at most one per
/// `away_every`; it grows a step when `back_every` has passed since it last changed and since the
/// gateway last looked worse even slightly. Between both lies a band in which nothing moves.
pub fn judge(rules: &Rules, now: Timestamp, channel: &[Seen]) -> Vec<Change> {
    let tallies: Vec<Tally> = channel
        .iter()
        .map(|seen| window(&seen.bins, begin(rules.window, now, seen)))
        .collect();
    let broken: Vec<Option<(Tally, String)>> = channel
        .iter()
        .zip(&tallies)
        .map(|(seen, whole)| why_broken(rules, now, seen, *whole))
        .collect();
    let mut changes = Vec::new();
    for (index, seen) in channel.iter().enumerate() {
        let own = tallies[index];
        let decided = match (seen.state.circuit, &broken[index]) {
            (Circuit::Open, _) => None,
            (Circuit::Closed, Some((figures, reason))) => {
                let to = opened(now, seen.state, channel.len());
                Some((to, Some(reason.clone()), *figures))
            }
            (Circuit::Closed, None) => {
                let mut others = Tally::default();
                for (other, tally) in tallies.iter().enumerate() {
                    let closed = channel[other].state.circuit == Circuit::Closed;
                    if other != index && closed && broken[other].is_none() {
                        others.add(*tally);
                    }
                }
                shift(rules, now, seen.state, &own, &others).map(|(to, reason)| (to, reason, own))
            }
        };
        changes.extend(decided.map(|(to, reason, figures)| Change {
            index,
            to,
            reason,
            figures,
        }));
    }
    changes
}

/// From when on what was seen counts. What ended before the circuit closed again says nothing about
/// now.
fn begin(span: Duration, now: Timestamp, seen: &Seen) -> Timestamp {
    now.minus(span).max(seen.state.circuit_since)
}

/// Whether a gateway is out of order, by which figures, and how that is said. `whole`: the window.
fn why_broken(rules: &Rules, now: Timestamp, seen: &Seen, whole: Tally) -> Option<(Tally, String)> {
    if whole.counted() >= rules.least && whole.failing() >= rules.open_at {
        let reason = format!(
            "{} of {} tries failed in {} ({:.0} %; the limit is {:.0} %)",
            whole.failed,
            whole.counted(),
            seconds(rules.window),
            whole.failing() * 100.0,
            rules.open_at * 100.0,
        );
        return Some((whole, reason));
    }
    let from = begin(rules.outage, now, seen);
    let latest = window(&seen.bins, from);
    // Only what goes on failing is out of order. What was in flight when the fleet was told to leave
    // the gateway alone fails at once, and then nothing is taken because nothing is sent.
    let failing = |bin: &&Bin| bin.at >= from && bin.tally.failed > 0;
    let goes_on = seen.bins.iter().filter(failing).count() > 1;
    (goes_on && latest.taken == 0 && latest.failed >= rules.least).then(|| {
        let reason = format!(
            "all {} tries of the last {} failed",
            latest.failed,
            seconds(rules.outage)
        );
        (latest, reason)
    })
}

/// Only probes from now on. A gateway that comes back among others begins with a tenth.
fn opened(now: Timestamp, state: GatewayState, gateways: usize) -> GatewayState {
    GatewayState {
        circuit: Circuit::Open,
        circuit_since: now,
        share: if gateways > 1 {
            Share::Tenth
        } else {
            state.share
        },
        shifted_at: now,
        worse_at: now,
    }
}

fn shift(
    rules: &Rules,
    now: Timestamp,
    state: GatewayState,
    own: &Tally,
    others: &Tally,
) -> Option<(GatewayState, Option<String>)> {
    let worse = match compare(own, others, rules.least) {
        Standing::Clearly(reason) => {
            let rested = now.since(state.shifted_at) >= rules.away_every;
            if let (Some(share), true) = (state.share.down(), rested) {
                let to = GatewayState {
                    share,
                    shifted_at: now,
                    worse_at: now,
                    ..state
                };
                return Some((to, Some(reason)));
            }
            true
        }
        Standing::Slightly => true,
        Standing::Fine => false,
    };
    if worse {
        // Noted now and then, so that it is not written every second.
        let stale = now.since(state.worse_at) >= rules.away_every / 3;
        let to = GatewayState {
            worse_at: now,
            ..state
        };
        return (stale && state.share < Share::Whole).then_some((to, None));
    }
    let share = state.share.up()?;
    let calm = now.since(state.shifted_at.max(state.worse_at)) >= rules.back_every;
    let to = GatewayState {
        share,
        shifted_at: now,
        ..state
    };
    let reason = format!(
        "not worse than the others of the channel for {}",
        seconds(rules.back_every)
    );
    calm.then_some((to, Some(reason)))
}

/// A probe was taken: the circuit closes. The share stays as the opening left it and grows in its
/// own time, and the window begins anew, so that a gateway which takes one message but no load
/// opens again after `least` tries.
pub fn after_probe(now: Timestamp, state: GatewayState) -> Option<(GatewayState, String)> {
    match state.circuit {
        Circuit::Closed => None,
        Circuit::Open => {
            let to = GatewayState {
                circuit: Circuit::Closed,
                circuit_since: now,
                shifted_at: now,
                worse_at: now,
                share: state.share,
            };
            let open_for = seconds(now.since(state.circuit_since));
            Some((to, format!("a probe was taken after {open_for}")))
        }
    }
}

fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        short if short < 600 => format!("{short} s"),
        long => format!("{} min", long / 60),
    }
}
