//! How much one address may get within an hour, whoever sends it.

use std::time::Duration;

use budstikke::domain::address_limit::{AddressLimits, AddressLog, AddressUse, WINDOW, by};
use budstikke::domain::pace::Rate;
use budstikke::domain::status::Status;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{
    Claim, Guard, IntentBatch, IntentEntry, Intents, Next, Refused, TryOutcome,
};

use super::make;
use super::world::{World, batch, entry, ids};

const LIMITS: AddressLimits = AddressLimits {
    identical_per_hour: 2,
    any_per_hour: 3,
};
const MINUTE: Duration = Duration::from_secs(60);

/// The n-th address and a text.
const fn to(address: u8, text: i64) -> AddressUse {
    AddressUse {
        address: [address; 16],
        text,
    }
}

async fn claimed(w: &World, count: u16) -> Claim {
    let now = w.now().await;
    w.accept(make::job("a").to(count).by(w.oslo, now)).await;
    let worker = w.worker().await;
    w.claim(worker, count.into()).await
}

/// The claimed deliveries at these places, each to an address.
fn limited(claim: &Claim, to: &[(usize, AddressUse)]) -> IntentBatch {
    let entry = |(place, to): &(usize, AddressUse)| IntentEntry {
        address: Some(*to),
        ..entry(claim.id, &claim.deliveries[*place])
    };
    IntentBatch {
        address_limits: LIMITS,
        ..batch(to.iter().map(entry).collect())
    }
}

/// The indexes that were granted and those that are over the limit.
fn fates(intents: &Intents) -> (Vec<usize>, Vec<usize>) {
    let granted = intents.granted.iter().map(|g| g.index).collect();
    let over = |(index, refused): &(usize, Refused)| {
        assert!(matches!(refused, Refused::OverLimit { .. }), "{refused:?}");
        *index
    };
    (granted, intents.refused.iter().map(over).collect())
}

async fn send(w: &World, claim: &Claim, place: usize, whom: AddressUse) -> Option<Timestamp> {
    let one = limited(claim, &[(place, whom)]);
    let intents = w.store.intend(one).await.unwrap();
    match (intents.granted.len(), intents.refused.as_slice()) {
        (1, []) => None,
        (0, [(0, Refused::OverLimit { until })]) => Some(*until),
        other => panic!("neither granted nor over: {other:?}"),
    }
}

pub async fn an_address_gets_no_more_than_its_limits_until_the_hour_is_over(w: World) {
    let claim = claimed(&w, 8).await;
    let first = w.now().await;
    assert_eq!(send(&w, &claim, 0, to(1, 7)).await, None);
    w.pass(MINUTE).await;
    assert_eq!(send(&w, &claim, 1, to(1, 7)).await, None);
    let until = send(&w, &claim, 2, to(1, 7)).await.unwrap();
    let wait = until.since(first.plus(WINDOW));
    assert!(
        until >= first.plus(WINDOW) && wait < Duration::from_secs(5),
        "{wait:?}"
    );
    assert_eq!(send(&w, &claim, 3, to(1, 8)).await, None);
    assert!(send(&w, &claim, 4, to(1, 9)).await.is_some());
    assert_eq!(send(&w, &claim, 4, to(2, 9)).await, None, "another address");
    // It was handed back until there is room.
    let held = [(ids(&claim)[2], claim.id)];
    w.store.hand_back(&held, Some(until)).await.unwrap();
    w.pass(until.since(w.now().await) + Duration::from_millis(1))
        .await;
    let worker = w.worker().await;
    let again = w.claim(worker, 10).await;
    assert_eq!(ids(&again), [ids(&claim)[2]]);
    assert_eq!(again.deliveries[0].tries, 0, "no try was used");
    assert_eq!(send(&w, &again, 0, to(1, 7)).await, None);
    assert!(send(&w, &claim, 5, to(1, 7)).await.is_some());
}

pub async fn what_is_over_takes_no_slot_and_its_like_goes_with_it(w: World) {
    let claim = claimed(&w, 8).await;
    for place in 0..2 {
        assert_eq!(send(&w, &claim, place, to(1, 7)).await, None);
    }
    let whom = [
        (2, to(1, 7)),
        (3, to(2, 7)),
        (4, to(1, 7)),
        (5, to(1, 8)),
        (6, to(3, 7)),
    ];
    let slow = IntentBatch {
        gateway: "slow".to_owned(),
        rate: Rate::new(10.0, 1).unwrap(),
        ..limited(&claim, &whom)
    };
    let intents = w.store.intend(slow).await.unwrap();
    // The one with another text to the same address waits for the next batch.
    assert_eq!(fates(&intents), (vec![1, 4], vec![0, 2]));
    let starts: Vec<_> = intents
        .granted
        .iter()
        .map(|g| g.starts_in.as_millis())
        .collect();
    assert_eq!(starts, [0, 100]);
    assert_eq!(send(&w, &claim, 5, to(1, 8)).await, None);
}

pub async fn of_one_address_a_batch_takes_the_first(w: World) {
    let claim = claimed(&w, 4).await;
    let mut whom = vec![(0, to(1, 7)), (1, to(1, 8)), (2, to(2, 7)), (3, to(1, 7))];
    let intents = w.store.intend(limited(&claim, &whom)).await.unwrap();
    assert_eq!(fates(&intents), (vec![0, 2], vec![]));
    assert!(intents.next_in.is_zero() && intents.agencies.is_empty());
    whom.retain(|(place, _)| place % 2 == 1);
    let intents = w.store.intend(limited(&claim, &whom)).await.unwrap();
    assert_eq!(fates(&intents), (vec![0], vec![]));
}

pub async fn without_limits_an_address_gets_everything_at_once(w: World) {
    let claim = claimed(&w, 30).await;
    let whom: Vec<_> = (0..30).map(|place| (place, to(1, 7))).collect();
    let free = IntentBatch {
        address_limits: AddressLimits::default(),
        ..limited(&claim, &whom)
    };
    assert_eq!(w.store.intend(free).await.unwrap().granted.len(), 30);
    assert_eq!(w.backend.count("SELECT count(*) FROM address_use").await, 0);
}

pub async fn a_limit_of_nought_leaves_the_other_in_force(w: World) {
    let claim = claimed(&w, 12).await;
    for (place, (identical, any)) in [(0, (2, 0)), (4, (0, 2))] {
        for n in 0..3 {
            let mut one = limited(&claim, &[(place + n, to(place as u8, 7))]);
            one.address_limits = AddressLimits {
                identical_per_hour: identical,
                any_per_hour: any,
            };
            let intents = w.store.intend(one).await.unwrap();
            assert_eq!(intents.granted.len(), usize::from(n < 2));
        }
    }
}

pub async fn a_refused_entry_takes_nothing_of_its_address(w: World) {
    let claim = claimed(&w, 5).await;
    let mut fenced = limited(&claim, &[(0, to(1, 7))]);
    fenced.entries[0].attempt = 9;
    for _ in 0..3 {
        let intents = w.store.intend(fenced.clone()).await.unwrap();
        assert_eq!(intents.refused, [(0, Refused::Fenced)]);
    }
    assert_eq!(send(&w, &claim, 1, to(1, 7)).await, None);
    assert_eq!(send(&w, &claim, 2, to(1, 7)).await, None);
}

pub async fn a_try_after_one_that_did_not_leave_counts_once(w: World) {
    let claim = claimed(&w, 2).await;
    let (id, now) = (ids(&claim)[0], w.now().await);
    let mut held = claim.clone();
    for attempt in 0..5 {
        assert_eq!(send(&w, &held, 0, to(1, 7)).await, None, "try {attempt}");
        let wait = Next::Wait {
            due: now,
            slot: 0,
            tries: attempt + 1,
        };
        let guard = Guard::Claim(held.id);
        let mut failed = make::settlement(w.oslo, "a", id, guard, wait, now);
        failed.tried = Some(make::tried(id, 0, attempt, TryOutcome::NotSent));
        w.settle(vec![failed]).await;
        let worker = w.worker().await;
        held = w.claim(worker, 1).await;
        assert_eq!(ids(&held), [id]);
    }
    assert_eq!(send(&w, &held, 0, to(1, 7)).await, None);
    assert_eq!(send(&w, &claim, 1, to(1, 7)).await, None);
    assert_eq!(w.statuses("a").await, [Status::Sending, Status::Sending]);
}

pub async fn many_at_once_on_several_gateways_never_exceed_the_limits(w: World) {
    let claim = claimed(&w, 400).await;
    let mut tasks = Vec::new();
    for task in 0..8u16 {
        let (store, claim) = (w.store.clone(), claim.clone());
        tasks.push(tokio::spawn(async move {
            let mut granted = 0;
            for round in 0..5u16 {
                // Ten addresses with two texts each, in ever another order.
                let mut whom: Vec<_> = (0..10u16)
                    .map(|n| {
                        let place = usize::from(task * 50 + round * 10 + n);
                        let address = (n + task) % 10;
                        (place, to(address as u8, i64::from(round % 2)))
                    })
                    .collect();
                if task % 2 == 1 {
                    whom.reverse();
                }
                let mut some = limited(&claim, &whom);
                some.gateway = format!("gateway-{}", task % 4);
                granted += store.intend(some).await.unwrap().granted.len();
            }
            granted
        }));
    }
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    // Three for each of ten addresses.
    assert_eq!(granted, 30);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 30);
}

pub async fn the_store_says_what_the_rule_says(w: World) {
    let claim = claimed(&w, 300).await;
    let mut logs = vec![AddressLog::default(); 3];
    // A small generator with a fixed seed.
    let mut state = 42u32;
    let mut next = |bound: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % bound
    };
    let mut refused = 0;
    for place in 0..300 {
        w.pass(MINUTE * next(20)).await;
        let (address, text) = (next(3) as u8, i64::from(next(3)));
        let delivery = ids(&claim)[place];
        let log = &mut logs[usize::from(address)];
        let expected = log.admit(LIMITS, w.now().await, text, by(delivery, 0));
        let got = send(&w, &claim, place, to(address, text)).await;
        assert_eq!(got.is_some(), expected.is_err(), "try {place}");
        if let (Some(got), Err(expected)) = (got, expected) {
            refused += 1;
            let apart = got.since(expected) + expected.since(got);
            assert!(apart < Duration::from_secs(30), "{apart:?}");
        }
    }
    assert!((50..250).contains(&refused), "{refused}");
}

pub async fn what_an_address_got_is_erased_when_it_counts_no_more(w: World) {
    let claim = claimed(&w, 3).await;
    let rows = "SELECT count(*) FROM address_use";
    for (place, pause) in [(0, 50), (1, 12), (2, 0)] {
        let whom = to(place, 7);
        assert_eq!(send(&w, &claim, place.into(), whom).await, None);
        w.pass(MINUTE * pause).await;
    }
    let erase = async || {
        let [a, b, c, d] = [Timestamp(0); 4];
        w.store.erase(a, b, c, d, 100).await.unwrap();
        w.backend.count(rows).await
    };
    assert_eq!(erase().await, 2);
    w.pass(MINUTE * 62).await;
    assert_eq!(erase().await, 0);
}
