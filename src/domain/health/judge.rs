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
/// A circuit opens when `open_at` of at least `least` tries in the window failed. The share of a
/// gateway that is clearly worse than the closed others shrinks a step, at most one per
/// `away_every`; it grows a step when `back_every` has passed since it last changed and since the
/// gateway last looked worse even slightly. Between both lies a band in which nothing moves.
pub fn judge(rules: &Rules, now: Timestamp, channel: &[Seen]) -> Vec<Change> {
    let tallies: Vec<Tally> = channel
        .iter()
        .map(|seen| {
            // What ended before the circuit closed again says nothing about now.
            let from = now.minus(rules.window).max(seen.state.circuit_since);
            window(&seen.bins, from)
        })
        .collect();
    let opens: Vec<bool> = channel
        .iter()
        .zip(&tallies)
        .map(|(seen, own)| {
            seen.state.circuit == Circuit::Closed
                && own.counted() >= rules.least
                && own.failing() >= rules.open_at
        })
        .collect();
    let mut changes = Vec::new();
    for (index, seen) in channel.iter().enumerate() {
        let figures = tallies[index];
        let decided = match seen.state.circuit {
            Circuit::Open => None,
            Circuit::Closed if opens[index] => {
                Some(open(rules, now, seen.state, &figures, channel.len()))
            }
            Circuit::Closed => {
                let mut others = Tally::default();
                for (other, tally) in tallies.iter().enumerate() {
                    let closed = channel[other].state.circuit == Circuit::Closed;
                    if other != index && closed && !opens[other] {
                        others.add(*tally);
                    }
                }
                shift(rules, now, seen.state, &figures, &others)
            }
        };
        changes.extend(decided.map(|(to, reason)| Change {
            index,
            to,
            reason,
            figures,
        }));
    }
    changes
}

/// A gateway that comes back among others begins with a tenth.
fn open(
    rules: &Rules,
    now: Timestamp,
    state: GatewayState,
    figures: &Tally,
    gateways: usize,
) -> (GatewayState, Option<String>) {
    let to = GatewayState {
        circuit: Circuit::Open,
        circuit_since: now,
        share: if gateways > 1 {
            Share::Tenth
        } else {
            state.share
        },
        shifted_at: now,
        worse_at: now,
    };
    let reason = format!(
        "{} of {} tries failed in {} ({:.0} %; the limit is {:.0} %)",
        figures.failed,
        figures.counted(),
        seconds(rules.window),
        figures.failing() * 100.0,
        rules.open_at * 100.0,
    );
    (to, Some(reason))
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
