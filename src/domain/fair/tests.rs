use std::collections::BTreeMap;

use super::{FairQueue, Tier};
use crate::domain::ids::AgencyNo;
use crate::domain::kinds::Lane;

fn served(queue: &mut FairQueue<u32>, n: usize) -> BTreeMap<(i32, Tier), u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..n {
        let Some((agency, tier, cost, _)) = queue.pop() else {
            break;
        };
        *counts.entry((agency.0, tier)).or_default() += cost;
    }
    counts
}

#[test]
fn a_long_queue_does_not_delay_a_short_one() {
    let mut queue = FairQueue::default();
    (0..10_000).for_each(|i| queue.push(AgencyNo(1), 1, Tier::Normal, 1, i));
    (0..10).for_each(|i| queue.push(AgencyNo(2), 1, Tier::Normal, 1, i));
    let counts = served(&mut queue, 40);
    assert_eq!(counts.get(&(2, Tier::Normal)), Some(&10));
}

#[test]
fn parts_are_shared_by_weight_whatever_a_message_costs() {
    let mut queue = FairQueue::default();
    for i in 0..3_000 {
        queue.push(AgencyNo(1), 1, Tier::Normal, 3, i);
        queue.push(AgencyNo(2), 1, Tier::Normal, 1, i);
        queue.push(AgencyNo(3), 2, Tier::Normal, 1, i);
    }
    let counts = served(&mut queue, 2_000);
    let of = |agency| f64::from(counts[&(agency, Tier::Normal)]);
    assert!((of(1) / of(2) - 1.0).abs() < 0.1, "{counts:?}");
    assert!((of(3) / of(2) - 2.0).abs() < 0.1, "{counts:?}");
}

#[test]
fn urgent_goes_first_and_bulk_keeps_a_tenth() {
    let mut queue = FairQueue::default();
    for i in 0..1_000 {
        queue.push(AgencyNo(1), 1, Tier::Bulk, 1, i);
        queue.push(AgencyNo(2), 1, Tier::Normal, 1, i);
        queue.push(AgencyNo(3), 1, Tier::Urgent, 1, i);
    }
    let counts = served(&mut queue, 1_000);
    assert_eq!(counts.get(&(2, Tier::Normal)), None);
    let bulk = counts[&(1, Tier::Bulk)];
    assert!((98..=102).contains(&bulk), "{bulk}");
}

#[test]
fn what_was_raised_by_waiting_goes_after_urgent_and_before_normal() {
    assert_eq!(Tier::of(Lane::Urgent, Lane::Normal), Tier::Raised);
    assert_eq!(Tier::of(Lane::Urgent, Lane::Urgent), Tier::Urgent);
    // Urgent over its quota, and bulk after its first step.
    assert_eq!(Tier::of(Lane::Normal, Lane::Urgent), Tier::Normal);
    assert_eq!(Tier::of(Lane::Normal, Lane::Bulk), Tier::Normal);
    let mut queue = FairQueue::default();
    for i in 0..100 {
        queue.push(AgencyNo(1), 1, Tier::Raised, 1, i);
        queue.push(AgencyNo(2), 1, Tier::Normal, 1, i);
    }
    queue.push(AgencyNo(1), 1, Tier::Urgent, 1, 7);
    assert_eq!(queue.pop().map(|(_, tier, ..)| tier), Some(Tier::Urgent));
    assert_eq!(served(&mut queue, 100).get(&(2, Tier::Normal)), None);
}

#[test]
fn a_closed_agency_is_passed_over_until_it_is_opened() {
    let mut queue = FairQueue::default();
    for i in 0..10 {
        queue.push(AgencyNo(1), 1, Tier::Urgent, 1, i);
        queue.push(AgencyNo(1), 1, Tier::Bulk, 1, i);
        queue.push(AgencyNo(2), 1, Tier::Normal, 1, i);
    }
    queue.close(AgencyNo(1));
    queue.push(AgencyNo(1), 1, Tier::Normal, 1, 10);
    assert_eq!((queue.len(), queue.open_len()), (31, 10));
    let counts = served(&mut queue, 100);
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [((2, Tier::Normal), 10)]
    );
    assert_eq!((queue.len(), queue.open_len()), (21, 0));
    queue.open(AgencyNo(1));
    assert_eq!(queue.open_len(), 21);
    assert_eq!(served(&mut queue, 100).values().sum::<u32>(), 21);
}

/// The pump takes more than there are slots for, and puts the rest back.
#[test]
fn what_is_put_back_does_not_count_for_bulk() {
    let mut queue = FairQueue::default();
    for i in 0..3_000 {
        queue.push(AgencyNo(1), 1, Tier::Bulk, 3, i);
        queue.push(AgencyNo(2), 1, Tier::Normal, 1, i);
    }
    let mut parts = BTreeMap::new();
    for _ in 0..100 {
        let mut taken: Vec<_> = (0..100).filter_map(|_| queue.pop()).collect();
        for (agency, tier, cost, item) in taken.split_off(10).into_iter().rev() {
            queue.put_back(agency, 1, tier, cost, item);
        }
        for (_, tier, cost, _) in taken {
            *parts.entry(tier).or_insert(0) += cost;
        }
    }
    let share = f64::from(parts[&Tier::Bulk]) / f64::from(parts.values().sum::<u32>());
    assert!((0.095..=0.105).contains(&share), "{parts:?}");
}

#[test]
fn what_is_put_back_neither_moves_a_turn_nor_brings_a_quantum() {
    let fill = || {
        let mut queue = FairQueue::default();
        for i in 0..5_000 {
            queue.push(AgencyNo(1), 1, Tier::Normal, 1 + i % 3, i);
            queue.push(AgencyNo(2), 2, Tier::Normal, 1, i);
            queue.push(AgencyNo(3), 4, Tier::Normal, 1, i);
        }
        queue
    };
    let (mut whole, mut pieces) = (fill(), fill());
    let mut wanted = Vec::new();
    let mut found = Vec::new();
    for _ in 0..300 {
        wanted.extend((0..7).filter_map(|_| whole.pop()));
        let mut taken: Vec<_> = (0..200).filter_map(|_| pieces.pop()).collect();
        for (agency, tier, cost, item) in taken.split_off(7).into_iter().rev() {
            pieces.put_back(agency, agency.0.unsigned_abs(), tier, cost, item);
        }
        found.extend(taken);
    }
    assert_eq!(found, wanted);
}

#[test]
fn urgent_goes_first_at_once_after_bulk_was_alone() {
    let mut queue = FairQueue::default();
    (0..1_000).for_each(|i| queue.push(AgencyNo(1), 1, Tier::Bulk, 1, i));
    let taken: Vec<_> = (0..100).filter_map(|_| queue.pop()).collect();
    (0..20).for_each(|i| queue.push(AgencyNo(2), 1, Tier::Urgent, 1, i));
    for (agency, tier, cost, item) in taken.into_iter().rev() {
        queue.put_back(agency, 1, tier, cost, item);
    }
    let counts = served(&mut queue, 25);
    assert_eq!(counts.get(&(2, Tier::Urgent)), Some(&20), "{counts:?}");
}

#[test]
fn what_is_put_back_is_next_and_costs_nothing() {
    let mut queue = FairQueue::default();
    queue.push(AgencyNo(1), 1, Tier::Normal, 1, 10);
    queue.push(AgencyNo(1), 1, Tier::Normal, 1, 11);
    let (agency, tier, cost, item) = queue.pop().unwrap();
    queue.put_back(agency, 1, tier, cost, item);
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.pop().map(|(.., item)| item), Some(10));
    assert_eq!(queue.pop().map(|(.., item)| item), Some(11));
    assert!(queue.is_empty());
}

proptest::proptest! {
    #[test]
    fn nothing_is_lost_or_invented(pushes in proptest::collection::vec((1i32..5, 0usize..4, 1u32..11), 0..300)) {
        let mut queue = FairQueue::default();
        for (i, (agency, tier, cost)) in pushes.iter().enumerate() {
            queue.push(AgencyNo(*agency), 1, super::queue::IN_ORDER[*tier], *cost, i);
        }
        queue.close(AgencyNo(2));
        let gone = queue.drain_where(|i| i % 7 == 0);
        let mut seen: Vec<usize> = gone;
        while let Some((agency, .., item)) = queue.pop() {
            proptest::prop_assert_ne!(agency, AgencyNo(2));
            seen.push(item);
        }
        proptest::prop_assert_eq!(queue.open_len(), 0);
        queue.open(AgencyNo(2));
        while let Some((.., item)) = queue.pop() {
            seen.push(item);
        }
        seen.sort_unstable();
        proptest::prop_assert_eq!(seen, (0..pushes.len()).collect::<Vec<_>>());
        proptest::prop_assert!(queue.is_empty());
    }
}

#[test]
fn the_least_urgent_is_found_and_the_most_urgent_tier_is_told() {
    let mut queue = FairQueue::default();
    for tier in [Tier::Normal, Tier::Urgent, Tier::Bulk, Tier::Raised] {
        queue.push(AgencyNo(1), 1, tier, 1, 0);
    }
    queue.push(AgencyNo(2), 1, Tier::Bulk, 1, 0);
    queue.close(AgencyNo(2));
    let mut tiers = Vec::new();
    while let Some(front) = queue.front() {
        let taken = queue.pop_least_urgent().map(|(_, tier, ..)| tier);
        tiers.push((front, taken.unwrap()));
    }
    let least = [Tier::Bulk, Tier::Normal, Tier::Raised, Tier::Urgent];
    assert_eq!(tiers, least.map(|tier| (Tier::Urgent, tier)));
    assert_eq!(queue.len(), 1, "the closed agency's is left alone");
}

#[test]
fn whoever_had_its_turn_is_not_first_again_when_everything_was_handed_back_and_comes_again() {
    let mut queue = FairQueue::default();
    let fill = |queue: &mut FairQueue<u32>| {
        for agency in 1..=6 {
            for item in 0..50 {
                queue.push(AgencyNo(agency), 1, Tier::Normal, 1, item);
            }
        }
    };
    let mut got: BTreeMap<i32, u32> = BTreeMap::new();
    // Less than one agency's turn is served before everything goes back, a hundred times.
    for _ in 0..120 {
        fill(&mut queue);
        for ((agency, _), parts) in served(&mut queue, 11) {
            *got.entry(agency).or_default() += parts;
        }
        queue.drain_where(|_| true);
        assert!(queue.is_empty());
    }
    assert_eq!(got.values().sum::<u32>(), 1_320);
    for (agency, parts) in got {
        assert!((200..=240).contains(&parts), "{parts} of agency {agency}");
    }
}
