//! Workers: alive, dead, and what a dead one held.

use std::time::Duration;

use budstikke::domain::fair::RAISED_AT_MOST;
use budstikke::domain::kinds::Lane;
use budstikke::domain::status::Status;
use budstikke::ports::store::{Reaped, Refused, TryOutcome};

use super::make;
use super::world::{UNKNOWN_EMAIL, UNKNOWN_SMS, World, ids, want};

const DEAD_AFTER: Duration = Duration::from_millis(300);

async fn reap(w: &World) -> Reaped {
    let reaped = w.store.reap(DEAD_AFTER, UNKNOWN_SMS, UNKNOWN_EMAIL);
    reaped.await.unwrap()
}

pub async fn a_worker_whose_heart_beats_is_not_reaped(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    let worker = w.worker().await;
    w.claim(worker, 1).await;
    for _ in 0..3 {
        w.pass(Duration::from_millis(150)).await;
        assert!(w.store.heartbeat(worker).await.unwrap().is_some());
        assert_eq!(reap(&w).await, Reaped::default());
    }
}

pub async fn a_dead_workers_open_tries_become_unknown_and_the_rest_goes_on_at_once(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(5).by(w.oslo, now)).await;
    let dead = w.worker().await;
    let claim = w.claim(dead, 5).await;
    w.send(claim.id, &claim.deliveries[..2]).await;
    w.pass(DEAD_AFTER + Duration::from_millis(100)).await;
    let alive = w.worker().await;
    let expected = Reaped {
        workers: 1,
        handed_back: 3,
        unknown: 2,
    };
    assert_eq!(reap(&w).await, expected);
    assert_eq!(reap(&w).await, Reaped::default());
    assert_eq!(w.totals("a").await, r#"{"waiting":3,"sending":2}"#);
    let states = "SELECT count(*) FROM try WHERE outcome = 3";
    assert_eq!(w.backend.count(states).await, 2);
    assert_eq!(
        w.backend
            .count("SELECT count(*) FROM try WHERE outcome = 2")
            .await,
        0
    );
    let again = w.claim(alive, 10).await;
    assert_eq!(ids(&again), ids(&claim)[2..]);
    assert!(again.deliveries.iter().all(|claimed| claimed.due == now));
}

pub async fn an_open_try_of_a_dead_worker_is_due_its_time_after_its_intent(w: World) {
    let wait = Duration::from_millis(800);
    w.on_the_wire("a", 1).await;
    w.pass(DEAD_AFTER + Duration::from_millis(50)).await;
    let reaped = w.store.reap(DEAD_AFTER, wait, wait);
    assert_eq!(reaped.await.unwrap().unknown, 1);
    assert_eq!(w.store.due_unknown(10).await.unwrap(), []);
    // Counted from the intent, not from the reaping.
    w.pass(wait - DEAD_AFTER).await;
    let due = w.store.due_unknown(10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(w.statuses("a").await, [Status::Sending]);
}

pub async fn what_a_zombie_settles_is_fenced_and_it_claims_and_intends_nothing(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let zombie = w.worker().await;
    let claim = w.claim(zombie, 2).await;
    w.send(claim.id, &claim.deliveries[..1]).await;
    w.pass(DEAD_AFTER + Duration::from_millis(100)).await;
    assert_eq!(reap(&w).await.workers, 1);
    assert_eq!(w.store.heartbeat(zombie).await.unwrap(), None);
    assert_eq!(w.claim(zombie, 10).await.deliveries, []);
    let intents = w.intend(claim.id, &claim.deliveries[1..]).await;
    assert_eq!(intents.refused, [(0, Refused::Fenced)]);
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    let late = make::outcome(w.oslo, "a", ids(&claim)[0], claim.id, how, sent, now);
    assert_eq!(w.store.settle(vec![late]).await.unwrap().fenced, [0]);
    assert_eq!(
        w.backend
            .count("SELECT count(*) FROM try WHERE outcome = 3")
            .await,
        1
    );
}

pub async fn a_worker_that_ends_well_leaves_nothing_claimed(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let (first, second) = (w.worker().await, w.worker().await);
    let claim = w.claim(first, 2).await;
    let other = w.claim(second, 1).await;
    w.send(claim.id, &claim.deliveries[..1]).await;
    w.store
        .end_worker(first, UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
    assert_eq!(w.store.heartbeat(first).await.unwrap(), None);
    assert_eq!(w.totals("a").await, r#"{"waiting":2,"sending":1}"#);
    assert_eq!(ids(&w.claim(second, 10).await), [ids(&claim)[1]]);
    w.send(other.id, &other.deliveries).await;
    w.store
        .end_worker(first, UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
}

pub async fn the_backlog_counts_what_is_due_by_agency_and_lane(w: World) {
    let now = w.now().await;
    let (later, earlier) = (
        now.plus(Duration::from_secs(60)),
        now.minus(Duration::from_secs(60)),
    );
    assert_eq!(w.store.backlog().await.unwrap(), []);
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    w.accept(make::job("b").due(earlier).by(w.oslo, now)).await;
    w.accept(make::job("c").due(later).by(w.oslo, now)).await;
    w.accept(make::job("d").to(2).lane(Lane::Bulk).by(w.bergen, now))
        .await;
    let backlog = w.store.backlog().await.unwrap();
    let shape: Vec<_> = backlog.iter().map(|b| (b.agency, b.lane, b.due)).collect();
    assert_eq!(
        shape,
        [(w.oslo, Lane::Normal, 4), (w.bergen, Lane::Bulk, 2)]
    );
    assert_eq!(backlog[0].oldest_due, Some(earlier));
    let worker = w.worker().await;
    w.claim(worker, 4).await;
    assert_eq!(w.store.backlog().await.unwrap().len(), 1);
}

pub async fn what_starves_is_raised_lane_by_lane(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).lane(Lane::Bulk).by(w.oslo, now))
        .await;
    w.accept(make::job("b").lane(Lane::Urgent).by(w.oslo, now))
        .await;
    let after = Duration::from_millis(200);
    assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 0);
    w.pass(after + Duration::from_millis(50)).await;
    // Claimed and handed back is starving all the same.
    let worker = w.worker().await;
    let wants = [want(w.oslo, Lane::Bulk, 1)];
    let claim = w.store.claim(worker, &wants).await.unwrap();
    w.store
        .hand_back(&[(ids(&claim)[0], claim.id)], None)
        .await
        .unwrap();
    assert_eq!(w.store.raise_lanes(after, 2).await.unwrap(), 2);
    assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 1);
    w.pass(after + Duration::from_millis(50)).await;
    assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 3);
    assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 0);
    w.pass(after + Duration::from_millis(50)).await;
    assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 0);
    let wants = [want(w.oslo, Lane::Urgent, 10)];
    let claim = w.store.claim(worker, &wants).await.unwrap();
    assert_eq!(claim.deliveries.len(), 4);
}

pub async fn what_is_raised_to_urgent_is_few_at_a_time_and_takes_no_quota(w: World) {
    let now = w.now().await;
    let most = u16::try_from(RAISED_AT_MOST).unwrap();
    w.accept(make::job("a").to(most + 20).by(w.oslo, now)).await;
    w.accept(make::job("b").to(3).by(w.bergen, now)).await;
    let after = Duration::from_millis(100);
    w.pass(after + Duration::from_millis(50)).await;
    let asked = make::job("c").urgent(5, &[1; 5]).by(w.oslo, now);
    w.accept(asked).await;
    // Five were urgent already.
    let raised = u64::from(most) - 5 + 3;
    assert_eq!(w.store.raise_lanes(after, 1_000).await.unwrap(), raised);
    let over = "SELECT CAST(sum(over_quota) AS BIGINT) FROM job";
    assert_eq!(w.backend.count(over).await, 0);
    w.pass(after + Duration::from_millis(50)).await;
    assert_eq!(w.store.raise_lanes(after, 1_000).await.unwrap(), 0);
    let worker = w.worker().await;
    let wants = [want(w.oslo, Lane::Urgent, 40)];
    w.store.claim(worker, &wants).await.unwrap();
    assert_eq!(w.store.raise_lanes(after, 1_000).await.unwrap(), 25);
}

pub async fn what_is_stopped_does_not_starve(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").lane(Lane::Bulk).by(w.oslo, now))
        .await;
    let after = Duration::from_millis(100);
    w.pass(after + Duration::from_millis(50)).await;
    for agency in [Some(w.oslo), None] {
        w.store.set_stopped(agency, Some(now)).await.unwrap();
        assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 0);
        w.store.set_stopped(agency, None).await.unwrap();
    }
    assert_eq!(w.store.raise_lanes(after, 10).await.unwrap(), 1);
}

pub async fn calls_that_are_given_up_wedge_nothing(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(50).by(w.oslo, now)).await;
    let worker = w.worker().await;
    for round in 0..200u32 {
        let store = w.store.clone();
        let wants = [want(w.oslo, Lane::Normal, 1)];
        let name = format!("g{round}");
        let job = make::job(&name).due(now.plus(Duration::from_secs(60)));
        let give_up = tokio::time::Duration::from_micros(u64::from(round) * 20);
        // Dropped at ever later points of the call, some before it began.
        let claim = tokio::time::timeout(give_up, store.claim(worker, &wants));
        drop(claim.await);
        let accept = store.accept(vec![job.by(w.oslo, now)]);
        drop(tokio::time::timeout(give_up, accept).await);
        let view = super::world::job_name("a");
        drop(tokio::time::timeout(give_up, store.job(w.oslo, &view)).await);
    }
    let patience = Duration::from_secs(20);
    let job = w.accept(make::job("after").by(w.oslo, now));
    tokio::time::timeout(patience, job).await.unwrap();
    w.store
        .end_worker(worker, UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
    let alive = w.worker().await;
    let claim = tokio::time::timeout(patience, w.claim(alive, 100))
        .await
        .unwrap();
    assert_eq!(
        claim.deliveries.len(),
        51,
        "nothing is held by a call that was given up"
    );
}
