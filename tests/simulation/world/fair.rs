//! I-13: while several wait, each has its share of what leaves, in every minute.

use budstikke::domain::kinds::Lane;

use super::oracle::Oracle;

/// Over so long everybody has had its share.
const WINDOW: u64 = 60_000_000;
/// Of the normal lane, each of two agencies with the same weight has at least half of its share:
/// turns are worth 20 parts, some seconds of a slow gateway, and workers that die begin anew.
const AGENCY: f64 = 0.25;
/// The bulk lane has at least so much while others wait; its promise is a tenth.
const BULK: f64 = 0.06;

/// Something that left: when, for which agency, in which lane, and since when it waited.
type Left = (u64, usize, Lane, u64);

/// What is wrong with the shares, and how many minutes were looked at.
pub fn judge(oracle: &Oracle) -> (Vec<String>, usize) {
    let mut left: Vec<Left> = oracle
        .wires
        .iter()
        .filter_map(|wire| {
            let known = oracle.jobs.get(oracle.names.get(&wire.delivery.job())?)?;
            Some((wire.at, known.spec.agency, known.spec.lane, known.stored))
        })
        .collect();
    left.sort_unstable_by_key(|(at, ..)| *at);
    let waits = |agency: usize, lane: Lane, from: u64| {
        let is_it = |one: &&Left| one.1 == agency && one.2 == lane;
        left.iter()
            .filter(is_it)
            .any(|one| one.3 < from && one.0 > from + WINDOW)
    };
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (from, ..) in left.iter().filter(|(at, ..)| *at >= 15_000_000) {
        let inside = || {
            left.iter()
                .filter(|one| one.0 >= *from && one.0 < from + WINDOW)
        };
        let all = inside().count() as f64;
        if !(0..2).all(|agency| waits(agency, Lane::Normal, *from)) {
            continue;
        }
        seen += 1;
        let normal = inside().filter(|one| one.2 == Lane::Normal).count() as f64;
        for agency in 0..2 {
            let own = inside().filter(|one| one.1 == agency && one.2 == Lane::Normal);
            let share = own.count() as f64 / normal;
            if share < AGENCY {
                wrong.push(format!(
                    "I-13: agency {agency} has {share:.2} of the normal lane in the minute from {from} µs"
                ));
            }
        }
        let bulk = inside().filter(|one| one.2 == Lane::Bulk).count() as f64 / all;
        if (0..2).any(|agency| waits(agency, Lane::Bulk, *from)) && bulk < BULK {
            wrong.push(format!(
                "I-13: the bulk lane has {bulk:.2} in the minute from {from} µs"
            ));
        }
    }
    wrong.truncate(3);
    (wrong, seen)
}
