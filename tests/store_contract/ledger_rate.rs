//! Slots: never above the rate, whoever asks.

use std::time::Duration;

use budstikke::domain::pace::Rate;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{Claim, IntentBatch};

use super::make;
use super::world::{World, batch, entry};

async fn claimed(w: &World, count: u16) -> Claim {
    let now = w.now().await;
    w.accept(make::job("a").to(count).by(w.oslo, now)).await;
    let worker = w.worker().await;
    w.claim(worker, u32::from(count)).await
}

fn at_rate(claim: &Claim, per_second: f64, burst: u32) -> IntentBatch {
    let entries = claim
        .deliveries
        .iter()
        .map(|c| entry(claim.id, c))
        .collect();
    IntentBatch {
        rate: Rate::new(per_second, burst).unwrap(),
        ..batch(entries)
    }
}

pub async fn slots_reach_no_further_ahead_than_allowed_and_the_rest_stays_claimed(w: World) {
    let claim = claimed(&w, 20).await;
    let intents = w.store.intend(at_rate(&claim, 10.0, 1)).await.unwrap();
    assert_eq!(intents.granted.len(), 3);
    assert_eq!(intents.refused, []);
    let starts: Vec<_> = intents
        .granted
        .iter()
        .map(|g| g.starts_in.as_millis())
        .collect();
    assert_eq!(starts, [0, 100, 200]);
    assert_eq!(intents.next_in, Duration::from_millis(50));
    assert_eq!(w.totals("a").await, r#"{"waiting":17,"sending":3}"#);
}

pub async fn a_message_of_several_parts_takes_as_many_slots(w: World) {
    let claim = claimed(&w, 2).await;
    let mut parts = at_rate(&claim, 20.0, 1);
    parts.entries[0].cost = 4;
    let intents = w.store.intend(parts).await.unwrap();
    let starts: Vec<_> = intents
        .granted
        .iter()
        .map(|g| g.starts_in.as_millis())
        .collect();
    assert_eq!(starts, [0, 200]);
}

pub async fn a_refused_entry_takes_no_slot(w: World) {
    let claim = claimed(&w, 4).await;
    let mut mixed = at_rate(&claim, 10.0, 1);
    mixed.entries[0].slot = 1;
    mixed.entries[1].attempt = 7;
    let intents = w.store.intend(mixed).await.unwrap();
    assert_eq!(intents.refused.len(), 2);
    let starts: Vec<_> = intents
        .granted
        .iter()
        .map(|g| g.starts_in.as_millis())
        .collect();
    assert_eq!(starts, [0, 100]);
}

pub async fn every_gateway_has_its_own_rate(w: World) {
    let claim = claimed(&w, 2).await;
    let mut first = at_rate(&claim, 1.0, 1);
    let mut second = first.clone();
    first.entries.truncate(1);
    second.entries.remove(0);
    "reserve".clone_into(&mut second.gateway);
    for one in [first, second] {
        let intents = w.store.intend(one).await.unwrap();
        assert!(intents.granted[0].starts_in.is_zero());
    }
}

pub async fn four_at_once_on_one_gateway_stay_within_its_rate(w: World) {
    const RATE: f64 = 200.0;
    let claim = claimed(&w, 400).await;
    let (from, store) = (w.now().await, w.store.clone());
    let mut tasks = Vec::new();
    for part in claim.deliveries.chunks(100) {
        let (store, id, part) = (store.clone(), claim.id, part.to_vec());
        tasks.push(tokio::spawn(async move {
            let mut granted = 0;
            for some in part.chunks(7) {
                let some = Claim {
                    id,
                    deliveries: some.to_vec(),
                };
                granted += store
                    .intend(at_rate(&some, RATE, 1))
                    .await
                    .unwrap()
                    .granted
                    .len();
            }
            granted
        }));
    }
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    let elapsed = w.now().await.since(from) + Duration::from_millis(250);
    // Slots up to 250 ms ahead of the last call's now, one part more for the burst of 1.
    let bound = RATE * elapsed.as_secs_f64() + 1.0;
    assert!(granted as f64 <= bound, "{granted} of {bound}");
    assert!(granted >= 50, "{granted}");
    let same = "SELECT count(*) FROM try";
    assert_eq!(w.backend.count(same).await, i64::try_from(granted).unwrap());
}

pub async fn slots_come_back_as_time_passes(w: World) {
    let claim = claimed(&w, 10).await;
    let all = at_rate(&claim, 20.0, 1);
    let first = w.store.intend(all.clone()).await.unwrap();
    assert_eq!(first.granted.len(), 6);
    w.pass(first.next_in + Duration::from_millis(1)).await;
    let rest = IntentBatch {
        entries: all.entries[6..].to_vec(),
        ..all
    };
    let second = w.store.intend(rest).await.unwrap();
    assert!(!second.granted.is_empty());
    assert!(second.granted[0].starts_in <= Duration::from_millis(250));
}

pub async fn nothing_is_granted_while_a_gateway_is_paused_and_a_shorter_pause_ends_no_longer_one(
    w: World,
) {
    let claim = claimed(&w, 2).await;
    w.store
        .pause("primary", Duration::from_millis(900))
        .await
        .unwrap();
    w.store
        .pause("primary", Duration::from_millis(100))
        .await
        .unwrap();
    let all = at_rate(&claim, 100.0, 1);
    let intents = w.store.intend(all.clone()).await.unwrap();
    assert_eq!((intents.granted.len(), intents.refused.len()), (0, 0));
    assert!(
        intents.next_in > Duration::from_millis(300),
        "{:?}",
        intents.next_in
    );
    w.pass(Duration::from_millis(950)).await;
    let intents = w.store.intend(all).await.unwrap();
    assert_eq!(intents.granted.len(), 2);
    assert_ne!(w.now().await, Timestamp(0));
}
