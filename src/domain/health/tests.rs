use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

fn tally(taken: u64, failed: u64, each: u64) -> Tally {
    Tally {
        taken,
        failed,
        micros: taken * each * 1_000,
    }
}

fn seen(share: Share, tally: Tally) -> Seen {
    Seen {
        state: GatewayState {
            share,
            ..GatewayState::default()
        },
        bins: vec![Bin { at: NOW, tally }],
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// What becomes of the first of some gateways: its circuit and share, if anything changes.
fn first(channel: &[Seen]) -> Option<(Circuit, Share)> {
    judge(&Rules::default(), NOW, channel)
        .into_iter()
        .find(|change| change.index == 0 && change.reason.is_some())
        .map(|change| (change.to.circuit, change.to.share))
}

#[test]
fn what_is_about_the_message_does_not_count() {
    let faults = [
        (
            Outcome::Accepted {
                provider_reference: None,
            },
            (1, 0),
        ),
        (Outcome::Unknown, (0, 1)),
        (
            Outcome::NotSent(Fault::Transient { retry_after: None }),
            (0, 1),
        ),
        (
            Outcome::NotSent(Fault::Channel { retry_after: None }),
            (0, 1),
        ),
        (
            Outcome::NotSent(Fault::Permanent {
                reason: Reason::Barred,
            }),
            (0, 0),
        ),
    ];
    for (outcome, (taken, failed)) in faults {
        let mut counted = Tally::default();
        counted.count(&outcome, Duration::from_millis(5));
        assert_eq!(
            (counted.taken, counted.failed),
            (taken, failed),
            "{outcome:?}"
        );
        assert_eq!(counted.mean().is_some(), taken > 0);
    }
}

#[test]
fn a_circuit_opens_at_half_of_at_least_twenty() {
    for (taken, failed, opens) in [
        (10, 10, true),
        (0, 20, true),
        (0, 19, false),
        (11, 10, false),
        (9, 10, false),
        (500, 500, true),
        (0, 0, false),
    ] {
        let only = seen(Share::Whole, tally(taken, failed, 10));
        let wanted = opens.then_some((Circuit::Open, Share::Whole));
        assert_eq!(first(&[only]), wanted, "{taken} {failed}");
    }
}

#[test]
fn a_circuit_opens_when_nothing_is_taken_any_more_though_much_was_before() {
    let was_well = Bin {
        at: NOW,
        tally: tally(3_000, 0, 10),
    };
    let since = |at: u64, taken: u64, failed: u64| Bin {
        at: after(at),
        tally: tally(taken, failed, 10),
    };
    for (later, opens) in [
        (vec![since(6, 0, 100), since(9, 0, 10)], true),
        (vec![since(6, 0, 1), since(9, 0, 19)], true),
        (vec![since(6, 0, 1), since(9, 0, 18)], false),
        (vec![since(9, 0, 60)], false), // once, and then nothing was sent
        (vec![since(6, 1, 100), since(9, 0, 100)], false),
        (
            vec![since(3, 1, 100), since(6, 0, 20), since(9, 0, 1)],
            true,
        ), // in the last six seconds
    ] {
        let one = Seen {
            state: GatewayState::default(),
            bins: [vec![was_well], later.clone()].concat(),
        };
        let changes = judge(&Rules::default(), after(12), &[one]);
        assert_eq!(!changes.is_empty(), opens, "{later:?}");
        for change in changes {
            assert_eq!(change.to.circuit, Circuit::Open);
            let failed = later
                .iter()
                .filter(|bin| bin.at >= after(6))
                .map(|bin| bin.tally.failed)
                .sum::<u64>();
            let said = format!("all {failed} tries of the last 6 s failed");
            assert_eq!(change.reason, Some(said));
            assert_eq!(change.figures, tally(0, failed, 10));
        }
    }
}

#[test]
fn one_among_others_that_opens_begins_with_a_tenth_again() {
    let other = seen(Share::Whole, tally(100, 0, 10));
    let channel = [seen(Share::Whole, tally(10, 40, 10)), other];
    assert_eq!(first(&channel), Some((Circuit::Open, Share::Tenth)));
    let change = judge(&Rules::default(), NOW, &channel).remove(0);
    assert_eq!(
        change.reason.as_deref(),
        Some("40 of 50 tries failed in 30 s (80 %; the limit is 50 %)")
    );
    assert_eq!(change.figures, tally(10, 40, 10));
}

#[test]
fn what_is_old_or_from_before_the_circuit_closed_does_not_count() {
    let mut one = seen(Share::Whole, tally(0, 50, 10));
    let rules = Rules::default();
    assert_eq!(judge(&rules, after(31), &[one.clone()]), []);
    one.state.circuit_since = after(1);
    assert_eq!(judge(&rules, after(2), &[one.clone()]), []);
    one.bins.push(Bin {
        at: after(1),
        tally: tally(0, 20, 10),
    });
    assert_eq!(judge(&rules, after(2), &[one]).len(), 1);
}

#[test]
fn a_taken_probe_closes_the_circuit_and_leaves_the_share() {
    let open = GatewayState {
        circuit: Circuit::Open,
        circuit_since: NOW,
        share: Share::Tenth,
        ..GatewayState::default()
    };
    let (closed, reason) = after_probe(after(70), open).unwrap();
    assert_eq!(
        (closed.circuit, closed.share),
        (Circuit::Closed, Share::Tenth)
    );
    assert_eq!(closed.since(), Some(after(70)));
    assert_eq!(reason, "a probe was taken after 70 s");
    assert_eq!(after_probe(after(80), closed), None);
}

#[test]
fn traffic_shifts_only_from_what_is_clearly_worse() {
    let good = tally(200, 0, 50);
    for (own, others, shifts) in [
        (tally(80, 20, 50), good, true),                   // 20 % fail
        (tally(90, 10, 50), good, true),                   // 10 %
        (tally(93, 7, 50), good, false),                   // not clearly
        (tally(80, 20, 50), tally(80, 20, 50), false),     // they all do
        (tally(15, 4, 50), good, false),                   // too few
        (tally(80, 20, 50), tally(4, 0, 50), false),       // nothing to compare with
        (tally(100, 0, 600), good, true),                  // slow
        (tally(100, 0, 500), good, false),                 // 450 ms longer only
        (tally(100, 0, 1_000), tally(100, 0, 400), false), // not three times
        (tally(100, 0, 1), good, false),                   // quick
    ] {
        let channel = [seen(Share::Whole, own), seen(Share::Whole, others)];
        let wanted = shifts.then_some((Circuit::Closed, Share::Half));
        assert_eq!(first(&channel), wanted, "{own:?} {others:?}");
    }
}

#[test]
fn slowness_never_takes_all_and_a_lone_gateway_keeps_everything() {
    let slow = tally(100, 0, 20_000);
    let channel = [
        seen(Share::Tenth, slow),
        seen(Share::Whole, tally(100, 0, 10)),
    ];
    assert_eq!(first(&channel), None);
    assert_eq!(first(&[seen(Share::Whole, slow)]), None);
}

/// A gateway beside a good one, judged every second; `figures` gives the window at each second.
fn run(figures: impl Fn(u64) -> Tally, seconds: u64) -> Vec<(u64, GatewayState)> {
    let mut one = seen(Share::Whole, Tally::default());
    let mut shifts = Vec::new();
    for second in 0..seconds {
        let now = after(second);
        let bin = |tally| vec![Bin { at: now, tally }];
        one.bins = bin(figures(second));
        let other = Seen {
            state: GatewayState::default(),
            bins: bin(tally(100, 0, 50)),
        };
        for change in judge(&Rules::default(), now, &[one.clone(), other]) {
            assert_eq!(change.index, 0, "the good one is left alone");
            if change.reason.is_some() {
                shifts.push((second, change.to));
            }
            one.state = change.to;
        }
    }
    shifts
}

#[test]
fn a_bad_gateway_loses_a_step_every_30_seconds_and_gets_one_back_every_5_minutes() {
    let shifts = run(
        |second| tally(80, if second < 100 { 20 } else { 0 }, 50),
        3_000,
    );
    let steps: Vec<_> = shifts.iter().map(|(at, to)| (*at, to.share)).collect();
    assert_eq!(
        steps,
        [
            (0, Share::Half),
            (30, Share::Fifth),
            (60, Share::Tenth),
            // Last seen worse in its 90th second.
            (390, Share::Fifth),
            (690, Share::Half),
            (990, Share::Whole),
        ]
    );
}

#[test]
fn good_and_bad_by_turns_do_not_flap() {
    for period in [1, 7, 20, 45, 120, 280] {
        let shifts = run(
            |second| tally(80, if (second / period) % 2 == 0 { 20 } else { 0 }, 50),
            7_200,
        );
        assert!(shifts.len() <= 3, "{period}: {shifts:?}");
    }
}

proptest! {
    #[test]
    fn shifts_keep_their_distance_whatever_is_seen(
        seed in proptest::collection::vec((0_u64..100, 0_u64..100, 1_u64..2_000), 20..60),
        hold in 1_u64..60,
    ) {
        let figures = |second: u64| {
            let index = usize::try_from(second / hold).unwrap() % seed.len();
            let (taken, failed, each) = seed[index];
            // Below the limit of the circuit: this is about shares.
            tally(taken + failed + 1, failed, each)
        };
        let shifts = run(figures, 2_000);
        let mut before: Option<(u64, GatewayState)> = None;
        for (at, to) in shifts {
            prop_assert_eq!(to.circuit, Circuit::Closed);
            if let Some((then, from)) = before {
                let least = if to.share > from.share { 300 } else { 30 };
                prop_assert!(at - then >= least, "{then} {at} {from:?} {to:?}");
                let neighbours = [from.share.down(), from.share.up()];
                prop_assert!(neighbours.contains(&Some(to.share)));
            }
            before = Some((at, to));
        }
    }

    #[test]
    fn a_circuit_opens_if_and_only_if_half_of_twenty_failed(taken in 0_u64..200, failed in 0_u64..200, gateways in 1_usize..4) {
        let mut channel = vec![seen(Share::Whole, tally(50, 0, 10)); gateways];
        channel[0] = seen(Share::Whole, tally(taken, failed, 10));
        let opened = first(&channel).is_some_and(|(circuit, _)| circuit == Circuit::Open);
        prop_assert_eq!(opened, taken + failed >= 20 && failed >= taken);
    }
}
