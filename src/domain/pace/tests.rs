//! Slots of several buckets at once.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::joint::{Ask, Bucket, JointSlots, take};
use super::{Rate, Turns, take as take_one};
use crate::domain::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000_000_000);
const AHEAD: Duration = Duration::from_millis(250);

fn bucket(per_second: f64, burst: u32) -> Bucket {
    Bucket {
        rate: Rate::new(per_second, burst).unwrap(),
        tat: Timestamp(0),
        paused_until: None,
    }
}

const fn ask(agency: Option<usize>) -> Ask {
    Ask { cost: 1, agency }
}

/// Index and start in milliseconds from now.
fn starts(slots: &JointSlots) -> Vec<(usize, i64)> {
    let start = |(index, at): &(usize, Timestamp)| (*index, (at.0 - NOW.0) / 1_000);
    slots.starts.iter().map(start).collect()
}

#[test]
fn an_agency_that_is_used_up_lets_the_others_pass() {
    let (slow, free) = (Some(0), None);
    let asks = [slow, slow, slow, free, free, free].map(ask);
    let slots = take(
        bucket(100.0, 1),
        &[bucket(1.0, 1)],
        NOW,
        Duration::from_millis(250),
        Turns::NONE,
        &asks,
    );
    assert_eq!(starts(&slots), [(0, 0), (3, 10), (4, 20), (5, 30)]);
    assert_eq!(slots.tat, Timestamp(NOW.0 + 40_000));
    assert_eq!(slots.next_in, Duration::ZERO, "the gateway has slots");
    assert_eq!(slots.agency_tats, [Timestamp(NOW.0 + 1_000_000)]);
    assert_eq!(slots.agency_next_in, [Duration::from_millis(750)]);
}

#[test]
fn the_cursor_moves_on_to_an_agencys_slot_within_reach() {
    let asks = [Some(0), Some(0), Some(0), Some(0)].map(ask);
    let slots = take(
        bucket(100.0, 1),
        &[bucket(10.0, 1)],
        NOW,
        AHEAD,
        Turns::NONE,
        &asks,
    );
    assert_eq!(starts(&slots), [(0, 0), (1, 100), (2, 200)]);
    assert_eq!(slots.tat, Timestamp(NOW.0 + 210_000));
    assert_eq!(slots.agency_next_in, [Duration::from_millis(50)]);
}

#[test]
fn a_gateway_that_is_used_up_is_what_is_lacking() {
    let asks = [Some(0), None, Some(0), None].map(ask);
    let slots = take(
        bucket(8.0, 1),
        &[bucket(100.0, 1)],
        NOW,
        AHEAD,
        Turns::NONE,
        &asks,
    );
    assert_eq!(starts(&slots), [(0, 0), (1, 125), (2, 250)]);
    assert_eq!(slots.next_in, Duration::from_millis(125));
    assert_eq!(slots.agency_next_in, [Duration::ZERO]);
}

#[test]
fn nothing_moves_when_nothing_was_taken() {
    let paused = Bucket {
        tat: NOW.minus(Duration::from_secs(9)),
        paused_until: Some(NOW.plus(Duration::from_secs(5))),
        ..bucket(10.0, 8)
    };
    let slots = take(
        paused,
        &[bucket(1.0, 1)],
        NOW,
        AHEAD,
        Turns::NONE,
        &[ask(Some(0))],
    );
    assert_eq!(slots.starts, []);
    assert_eq!(
        (slots.tat, slots.agency_tats),
        (paused.tat, vec![Timestamp(0)])
    );
    assert_eq!(slots.next_in, Duration::from_millis(4_750));
}

/// No window holds more than the rate and the burst allow.
fn within(sent: &[(i64, u32)], per_second: u32, burst: u32) -> Result<(), TestCaseError> {
    let mut sent = sent.to_vec();
    sent.sort_unstable();
    for (i, (from, _)) in sent.iter().enumerate() {
        let mut parts = 0;
        for (at, cost) in &sent[i..] {
            parts += cost;
            let window = (at - from) as f64 / 1e6;
            // One part more for the rounding of times to microseconds.
            let bound = f64::from(per_second) * window + f64::from(burst - 1 + cost.max(&3)) + 0.01;
            prop_assert!(f64::from(parts) <= bound, "{parts} parts in {window} s");
        }
    }
    Ok(())
}

fn turns() -> impl Strategy<Value = Turns> {
    (-100_000i64..100_000, 0.0f64..20_000.0).prop_map(|(first, every)| Turns { first, every })
}

type Call = (u64, u64, Vec<(u32, Option<usize>)>);

fn call() -> impl Strategy<Value = Call> {
    let agency = proptest::option::of(0usize..3);
    (0u64..400_000, 0u64..500, vec((1u32..4, agency), 0..30))
}

proptest! {
    #[test]
    fn neither_the_gateway_nor_an_agency_exceeds_its_rate(
        gateway in (1u32..500, 1u32..20),
        agencies in [(1u32..300, 1u32..5), (1u32..20, 1u32..5), (1u32..3, 1u32..2)],
        calls in vec(call(), 1..40),
        turns in turns(),
    ) {
        let buckets = |(rate, burst): (u32, u32)| bucket(f64::from(rate), burst);
        let mut one = buckets(gateway);
        let mut several = agencies.map(buckets);
        let mut now = NOW;
        let mut sent: Vec<(i64, u32)> = Vec::new();
        let mut by_agency: [Vec<(i64, u32)>; 3] = Default::default();
        for (pause, ahead, entries) in calls {
            now = now.plus(Duration::from_micros(pause));
            let ahead = Duration::from_millis(ahead);
            let asks: Vec<Ask> = entries.iter().map(|(cost, agency)| Ask { cost: *cost, agency: *agency }).collect();
            let slots = take(one, &several, now, ahead, turns, &asks);
            prop_assert!(slots.tat >= one.tat);
            one.tat = slots.tat;
            for (bucket, tat) in several.iter_mut().zip(&slots.agency_tats) {
                prop_assert!(*tat >= bucket.tat);
                bucket.tat = *tat;
            }
            let mut last = [None; 4];
            let mut got = vec![false; asks.len()];
            for (k, (index, start)) in slots.starts.iter().enumerate() {
                prop_assert!(*start >= turns.of(k, now, now.plus(ahead)));
                prop_assert!(*start >= now && *start <= now.plus(ahead));
                let place = asks[*index].agency.unwrap_or(3);
                prop_assert!(last[place] < Some(*index), "an agency's entries keep their order");
                last[place] = Some(*index);
                prop_assert!(!std::mem::replace(&mut got[*index], true));
                sent.push((start.0, asks[*index].cost));
                if let Some(agency) = asks[*index].agency {
                    by_agency[agency].push((start.0, asks[*index].cost));
                }
            }
            // Whoever got nothing lacks the gateway or its agency, and is told which.
            for (index, ask) in asks.iter().enumerate().filter(|(index, _)| !got[*index]) {
                let agency = ask.agency.map_or(Duration::ZERO, |agency| slots.agency_next_in[agency]);
                prop_assert!(!(slots.next_in + agency).is_zero(), "entry {index} waits for nothing");
            }
        }
        within(&sent, gateway.0, gateway.1)?;
        for ((rate, burst), sent) in agencies.into_iter().zip(&by_agency) {
            within(sent, rate, burst)?;
        }
    }

    #[test]
    fn without_agencies_the_slots_are_those_of_the_gateway(
        per_second in 1u32..2_000,
        burst in 1u32..20,
        behind in -500_000i64..500_000,
        paused in proptest::option::of(0u64..400_000),
        costs in vec(1u32..4, 0..60),
        turns in turns(),
    ) {
        let one = Bucket {
            tat: Timestamp(NOW.0 + behind),
            paused_until: paused.map(|after| NOW.plus(Duration::from_micros(after))),
            ..bucket(f64::from(per_second), burst)
        };
        let asks: Vec<Ask> = costs.iter().map(|cost| Ask { cost: *cost, agency: None }).collect();
        let joint = take(one, &[], NOW, AHEAD, turns, &asks);
        let alone = take_one(one.rate, one.tat, one.paused_until, NOW, AHEAD, turns, costs);
        let order: Vec<usize> = joint.starts.iter().map(|(index, _)| *index).collect();
        prop_assert_eq!(order, (0..alone.starts.len()).collect::<Vec<_>>());
        let starts: Vec<Timestamp> = joint.starts.iter().map(|(_, at)| *at).collect();
        prop_assert_eq!(starts, alone.starts);
        prop_assert_eq!((joint.tat, joint.next_in), (alone.tat, alone.next_in));
    }
}
