//! Claims: who holds what.

use std::collections::BTreeSet;
use std::time::Duration;

use budstikke::domain::ids::ClaimId;
use budstikke::domain::kinds::{Channel, Lane};
use budstikke::domain::status::Status;
use budstikke::ports::store::{Claim, Refused, SMALL_CLAIM};

use super::make;
use super::world::{UNKNOWN_EMAIL, UNKNOWN_SMS, World, ids, want, want_on};

pub async fn a_claim_takes_what_is_due_and_nothing_else(w: World) {
    let now = w.now().await;
    let later = now.plus(Duration::from_secs(3_600));
    w.accept(make::job("now").to(2).by(w.oslo, now)).await;
    w.accept(make::job("later").due(later).by(w.oslo, now))
        .await;
    w.accept(make::job("bulk").lane(Lane::Bulk).by(w.oslo, now))
        .await;
    w.accept(make::job("theirs").by(w.bergen, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 10).await;
    assert_eq!(claim.deliveries.len(), 2);
    for claimed in &claim.deliveries {
        assert_eq!((claimed.agency, claimed.lane), (w.oslo, Lane::Normal));
        assert_eq!((claimed.slot, claimed.attempts, claimed.tries), (0, 0, 0));
        assert_eq!((claimed.due, claimed.fixed), (now, false));
    }
    assert_eq!(w.claim(worker, 10).await.deliveries, []);
    assert_eq!(w.statuses("now").await, [Status::Waiting, Status::Waiting]);
    assert_eq!(w.statuses("later").await, [Status::Accepted]);
}

pub async fn what_waits_on_one_channel_hides_nothing_of_the_other(w: World) {
    let now = w.now().await;
    w.accept(make::job("both").both().to(3).by(w.oslo, now))
        .await;
    let worker = w.worker().await;
    for channel in [Channel::Email, Channel::Sms] {
        let wants = [want_on(channel, w.oslo, Lane::Normal, 2)];
        let claim = w.store.claim(worker, &wants).await.unwrap();
        let taken = claim.deliveries.iter();
        let channels: Vec<_> = taken.map(|c| c.delivery.channel()).collect();
        assert_eq!(channels, [channel, channel]);
    }
    assert_eq!(w.claim(worker, 10).await.deliveries.len(), 2);
}

pub async fn after_a_claim_that_did_not_fill_everything_is_found(w: World) {
    let now = w.now().await;
    let many = u16::try_from(SMALL_CLAIM).unwrap();
    w.accept(make::job("a").to(many + 1).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let first = w.claim(worker, SMALL_CLAIM).await;
    assert_eq!(first.deliveries.len(), usize::from(many));
    hand_back(&w, &first).await;
    // One may pass over what was handed back, but then the other must not.
    let one = w.claim(worker, SMALL_CLAIM).await;
    let other = w.claim(worker, SMALL_CLAIM).await;
    assert_eq!(
        one.deliveries.len() + other.deliveries.len(),
        usize::from(many + 1)
    );
}

async fn hand_back(w: &World, claim: &Claim) {
    let held: Vec<_> = ids(claim).into_iter().map(|id| (id, claim.id)).collect();
    w.store.hand_back(&held, None).await.unwrap();
}

pub async fn a_claim_keeps_to_its_wants_in_their_order(w: World) {
    let now = w.now().await;
    let minute = |n: u64| now.minus(Duration::from_secs(60 * n));
    w.accept(make::job("b").to(3).due(minute(1)).by(w.oslo, now))
        .await;
    w.accept(make::job("a").to(2).due(minute(2)).by(w.oslo, now))
        .await;
    w.accept(make::job("u").lane(Lane::Urgent).by(w.oslo, now))
        .await;
    w.accept(make::job("t").to(3).by(w.bergen, now)).await;
    let worker = w.worker().await;
    let wants = [
        want(w.bergen, Lane::Normal, 2),
        want(w.oslo, Lane::Urgent, 5),
        want(w.oslo, Lane::Normal, 3),
        want(w.oslo, Lane::Bulk, 3),
    ];
    let claim = w.store.claim(worker, &wants).await.unwrap();
    let shape: Vec<_> = claim
        .deliveries
        .iter()
        .map(|c| (c.agency, c.lane, c.due))
        .collect();
    assert_eq!(
        shape,
        [
            (w.bergen, Lane::Normal, now),
            (w.bergen, Lane::Normal, now),
            (w.oslo, Lane::Urgent, now),
            (w.oslo, Lane::Normal, minute(2)),
            (w.oslo, Lane::Normal, minute(2)),
            (w.oslo, Lane::Normal, minute(1)),
        ]
    );
    assert!(ids(&claim)[3..5].is_sorted());
}

pub async fn eight_claimers_at_once_never_take_the_same_delivery(w: World) {
    let now = w.now().await;
    for job in ["a", "b", "c", "d"] {
        w.accept(make::job(job).to(500).by(w.oslo, now)).await;
    }
    let mut claimers = Vec::new();
    for _ in 0..8 {
        let (store, oslo) = (w.store.clone(), w.oslo);
        let worker = w.worker().await;
        claimers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            let mut empty = 0;
            // Passing over rows that another is just taking may leave a claim empty for once.
            while empty < 20 {
                let wants = [want(oslo, Lane::Normal, 37)];
                let claim = store.claim(worker, &wants).await.unwrap();
                empty = if claim.deliveries.is_empty() {
                    empty + 1
                } else {
                    0
                };
                taken.extend(claim.deliveries.iter().map(|c| (c.delivery, claim.id)));
            }
            taken
        }));
    }
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), 2_000);
    let distinct: BTreeSet<_> = all.iter().map(|(delivery, _)| delivery).collect();
    assert_eq!(distinct.len(), 2_000);
}

pub async fn every_claim_is_a_new_epoch(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let (first, second) = (w.claim(worker, 1).await, w.claim(worker, 1).await);
    assert_ne!(first.id, second.id);
    w.store
        .hand_back(&[(ids(&first)[0], first.id)], None)
        .await
        .unwrap();
    let third = w.claim(worker, 1).await;
    assert_eq!(ids(&third), ids(&first));
    assert!(third.id != first.id && third.id != second.id);
}

pub async fn what_is_handed_back_is_waiting_as_before_or_until_it_is_told(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 3).await;
    let [a, b, c] = ids(&claim)[..] else { panic!() };
    let later = now.plus(Duration::from_secs(60));
    w.store.hand_back(&[(a, claim.id)], None).await.unwrap();
    w.store
        .hand_back(&[(b, claim.id)], Some(later))
        .await
        .unwrap();
    // Another's epoch gives nothing back.
    w.store
        .hand_back(&[(c, ClaimId(claim.id.0 + 1))], None)
        .await
        .unwrap();
    let again = w.claim(worker, 10).await;
    assert_eq!(ids(&again), [a]);
    assert_eq!(again.deliveries[0].due, now);
    let intents = w.intend(claim.id, &claim.deliveries).await;
    assert_eq!(
        intents.refused,
        [(0, Refused::Fenced), (1, Refused::Fenced)]
    );
    assert_eq!(intents.granted.len(), 1);
}

pub async fn what_has_an_open_try_is_not_handed_back(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    w.store
        .hand_back(&[(ids(&claim)[0], claim.id)], None)
        .await
        .unwrap();
    assert_eq!(w.claim(worker, 10).await.deliveries, []);
    assert_eq!(w.statuses("a").await, [Status::Sending]);
}

pub async fn what_is_abandoned_with_an_open_try_is_unknown_and_the_rest_goes_on(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 3).await;
    w.send(claim.id, &claim.deliveries[..1]).await;
    // This one took its row to the other channel; who abandons it may not know.
    let mut moved = super::world::entry(claim.id, &claim.deliveries[1]);
    moved.channel = Channel::Email;
    w.store
        .intend(super::world::batch(vec![moved]))
        .await
        .unwrap();
    let all: Vec<_> = ids(&claim).iter().map(|id| (*id, claim.id)).collect();
    w.store
        .abandon(&all, UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
    let expected = [Status::Sending, Status::Sending, Status::Waiting];
    assert_eq!(w.statuses("a").await, expected);
    assert_eq!(ids(&w.claim(worker, 10).await), [ids(&claim)[2]]);
    assert_eq!(w.store.due_unknown(10).await.unwrap(), []);
    let unknown = w
        .backend
        .count("SELECT count(*) FROM try WHERE outcome = 3");
    assert_eq!(unknown.await, 2);
}
