//! Intents: written before the first byte, fenced, at most one live try per slot.

use budstikke::domain::ids::{ClaimId, DeliveryId};
use budstikke::domain::kinds::Channel;
use budstikke::domain::pace::Rate;
use budstikke::domain::status::Status;
use budstikke::ports::store::{Claimed, IntentBatch, IntentEntry, Next, Refused, TryOutcome};

use super::make;
use super::world::{World, batch, entry, ids, job_name};

pub async fn an_intent_is_written_for_what_is_claimed_and_shows_as_sending(w: World) {
    let (job, worker, claim) = w.on_the_wire("a", 3).await;
    assert_eq!(w.statuses("a").await, [Status::Sending; 3]);
    assert_eq!(w.totals("a").await, r#"{"sending":3}"#);
    let fact = w.page("a").await.facts.remove(0);
    assert_eq!((fact.channel, fact.version), (Some(Channel::Sms), 0));
    assert!(!fact.possible_duplicate);
    assert_eq!(ids(&claim)[0].job(), job);
    assert_eq!(w.claim(worker, 10).await.deliveries, []);
}

pub async fn an_intent_of_another_epoch_is_refused(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    let stranger = ClaimId(claim.id.0 + 100);
    let intents = w.intend(stranger, &claim.deliveries).await;
    assert_eq!(intents.refused, [(0, Refused::Fenced)]);
    let mut unclaimed = entry(claim.id, &claim.deliveries[0]);
    unclaimed.delivery = DeliveryId::of(unclaimed.delivery.job(), 1, 0, Channel::Sms);
    let mut missing = unclaimed.clone();
    missing.delivery = DeliveryId::of(unclaimed.delivery.job(), 99, 0, Channel::Sms);
    let intents = w
        .store
        .intend(batch(vec![unclaimed, missing]))
        .await
        .unwrap();
    assert_eq!(
        intents.refused,
        [(0, Refused::Fenced), (1, Refused::Fenced)]
    );
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 0);
}

pub async fn a_second_live_try_in_a_slot_is_refused(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let again = entry(claim.id, &claim.deliveries[0]);
    let mut next = again.clone();
    next.attempt = 1;
    let intents = w.store.intend(batch(vec![again, next])).await.unwrap();
    assert_eq!(
        intents.refused,
        [(0, Refused::LiveTry), (1, Refused::LiveTry)]
    );
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 1);
}

pub async fn the_same_delivery_twice_in_a_batch_is_granted_once(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    let twice = vec![entry(claim.id, &claim.deliveries[0]); 2];
    let intents = w.store.intend(batch(twice)).await.unwrap();
    assert_eq!(intents.granted.len(), 1);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 1);
}

pub async fn two_live_tries_in_a_slot_are_impossible_whoever_writes_them(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let copy = "INSERT INTO try (delivery, slot, no, claim, gateway, intent_at)
        SELECT delivery, slot, no + 1, claim, gateway, intent_at FROM try";
    assert!(w.backend.execute(copy).await.is_err());
    let third_slot = "INSERT INTO try (delivery, slot, no, claim, gateway, intent_at)
        SELECT delivery, 2, no + 1, claim, gateway, intent_at FROM try";
    assert!(w.backend.execute(third_slot).await.is_err());
    let now = w.now().await;
    let wait = Next::AwaitReceipt { until: now };
    let (id, how) = (ids(&claim)[0], TryOutcome::Unknown);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, wait, now,
    )])
    .await;
    assert!(
        w.backend.execute(copy).await.is_err(),
        "an unknown try is live"
    );
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 1);
}

pub async fn what_was_certainly_not_sent_frees_its_slot(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = ids(&claim)[0];
    let wait = Next::Wait {
        due: now,
        slot: 0,
        tries: 1,
    };
    let how = TryOutcome::NotSent;
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, wait, now,
    )])
    .await;
    assert_eq!(w.statuses("a").await, [Status::Waiting]);
    let again = w.claim(worker, 1).await;
    let claimed = again.deliveries[0];
    assert_eq!((claimed.slot, claimed.attempts, claimed.tries), (0, 1, 1));
    w.send(again.id, &again.deliveries).await;
}

pub async fn an_unknown_try_is_followed_by_one_in_slot_1_and_marked(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = ids(&claim)[0];
    let wait = Next::Wait {
        due: now,
        slot: 1,
        tries: 1,
    };
    let how = TryOutcome::Unknown;
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, wait, now,
    )])
    .await;
    let again = w.claim(worker, 1).await;
    assert_eq!(
        (again.deliveries[0].slot, again.deliveries[0].attempts),
        (1, 1)
    );
    assert!(!w.page("a").await.facts[0].possible_duplicate);
    w.send(again.id, &again.deliveries).await;
    assert!(w.page("a").await.facts[0].possible_duplicate);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 2);
}

pub async fn the_plans_other_channel_moves_the_row_before_its_first_try(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 2).await;
    let mut entries: Vec<_> = claim
        .deliveries
        .iter()
        .map(|c| entry(claim.id, c))
        .collect();
    entries[0].channel = Channel::Email;
    let intents = w.store.intend(batch(entries)).await.unwrap();
    assert_eq!(intents.granted.len(), 2);
    let page = w.page("a").await;
    let channels: Vec<_> = page.facts.iter().map(|fact| fact.channel).collect();
    assert_eq!(channels, [Some(Channel::Email), Some(Channel::Sms)]);
    let moved = ids(&claim)[0].on(Channel::Email);
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", moved, claim.id, how, sent, now,
    )])
    .await;
    assert_eq!(w.totals("a").await, r#"{"sending":1,"sent":1}"#);
}

pub async fn a_fixed_or_tried_delivery_keeps_its_channel(w: World) {
    let now = w.now().await;
    w.accept(make::job("fixed").fixed().by(w.oslo, now)).await;
    let (_, worker, first) = {
        let worker = w.worker().await;
        let claim = w.claim(worker, 1).await;
        let mut other = entry(claim.id, &claim.deliveries[0]);
        other.channel = Channel::Email;
        let intents = w.store.intend(batch(vec![other])).await.unwrap();
        assert_eq!(intents.refused, [(0, Refused::Fenced)]);
        w.on_the_wire("tried", 1).await
    };
    let wait = Next::Wait {
        due: now,
        slot: 0,
        tries: 1,
    };
    let (id, how) = (ids(&first)[0], TryOutcome::NotSent);
    w.settle(vec![make::outcome(
        w.oslo, "tried", id, first.id, how, wait, now,
    )])
    .await;
    let claim = w.claim(worker, 1).await;
    let mut other = entry(claim.id, &claim.deliveries[0]);
    other.channel = Channel::Email;
    let intents = w.store.intend(batch(vec![other])).await.unwrap();
    assert_eq!(intents.refused, [(0, Refused::Fenced)]);
}

pub async fn refusals_and_grants_of_one_batch_keep_their_indexes(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 3).await;
    let mut entries: Vec<_> = claim
        .deliveries
        .iter()
        .map(|c| entry(claim.id, c))
        .collect();
    entries[1].claim = ClaimId(claim.id.0 + 1);
    let intents = w.store.intend(batch(entries)).await.unwrap();
    let granted: Vec<_> = intents
        .granted
        .iter()
        .map(|granted| granted.index)
        .collect();
    assert_eq!(granted, [0, 2]);
    assert_eq!(intents.refused, [(1, Refused::Fenced)]);
    assert!(intents.next_in.is_zero());
}

pub async fn many_intents_at_once_for_the_same_claim_write_one_try(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(20).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 20).await;
    let racers: Vec<_> = (0..4)
        .map(|_| {
            let store = w.store.clone();
            let entries = claim
                .deliveries
                .iter()
                .map(|c| entry(claim.id, c))
                .collect();
            tokio::spawn(async move { store.intend(batch(entries)).await.unwrap().granted.len() })
        })
        .collect();
    let mut granted = 0;
    for racer in racers {
        granted += racer.await.unwrap();
    }
    assert_eq!(granted, 20);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 20);
}

pub async fn a_written_try_gets_another_slot_and_is_not_written_again(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 2).await;
    let asks = |of: &Claimed| IntentEntry {
        again: true,
        ..entry(claim.id, of)
    };
    let asked = || IntentBatch {
        rate: Rate::new(10.0, 1).unwrap(),
        gateway: "other-bucket".to_owned(),
        ..batch(claim.deliveries.iter().map(asks).collect())
    };
    let intents = w.store.intend(asked()).await.unwrap();
    let starts: Vec<_> = intents
        .granted
        .iter()
        .map(|g| g.starts_in.as_millis())
        .collect();
    assert_eq!((starts, intents.refused), (vec![0, 100], vec![]));
    // They are paid for: the next one comes after them.
    let more = w.store.intend(asked()).await.unwrap();
    assert!(more.granted[0].starts_in.as_millis() >= 150);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 2);
    let now = w.now().await;
    let sent = make::settled(Status::Sent);
    let (id, how) = (ids(&claim)[0], TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    // What is over has no use for a slot.
    let intents = w.store.intend(asked()).await.unwrap();
    assert_eq!(intents.refused, [(0, Refused::Fenced)]);
}

pub async fn nobody_asks_again_for_what_is_not_a_live_try_of_its_own(w: World) {
    let now = w.now().await;
    w.accept(make::job("new").by(w.oslo, now)).await;
    let worker = w.worker().await;
    let new = w.claim(worker, 1).await;
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let again = |claim, of: &Claimed| IntentEntry {
        again: true,
        ..entry(claim, of)
    };
    let mut other_try = again(claim.id, &claim.deliveries[0]);
    other_try.attempt = 1;
    let asked = vec![
        again(new.id, &new.deliveries[0]),
        again(new.id, &claim.deliveries[0]),
        other_try,
    ];
    for asked in asked {
        let intents = w.store.intend(batch(vec![asked])).await.unwrap();
        assert_eq!(intents.refused, [(0, Refused::Fenced)]);
    }
    w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    let asked = again(claim.id, &claim.deliveries[0]);
    let intents = w.store.intend(batch(vec![asked])).await.unwrap();
    assert_eq!(intents.refused, [(0, Refused::Cancelled)]);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 1);
}
