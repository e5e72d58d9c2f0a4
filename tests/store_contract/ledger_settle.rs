//! Settling: guarded, whole or not at all, told once.

use std::time::Duration;

use budstikke::domain::ids::ClaimId;
use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::{Guard, JobState, Next, Settlement, TryOutcome};

use super::make;
use super::world::{EVER, World, ids, job_name};

pub async fn an_accepted_try_is_sent_and_told(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 2).await;
    let now = w.now().await;
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    let one = make::outcome(w.oslo, "a", ids(&claim)[1], claim.id, how, sent, now);
    assert_eq!(w.settle(vec![one]).await, 1);
    assert_eq!(w.statuses("a").await, [Status::Sending, Status::Sent]);
    let fact = w.page("a").await.facts.remove(1);
    let events = w.events(w.oslo).await;
    let told = events.last().unwrap();
    assert_eq!(told.kind.as_str(), "notification.sent");
    assert_eq!(told.subject, Some(job_name("a")));
    assert_eq!((told.at, &told.data), (now, &fact.to_json()));
    assert_eq!(fact.version, 1);
    assert_eq!(
        w.backend
            .count("SELECT count(*) FROM try WHERE outcome = 1")
            .await,
        1
    );
}

pub async fn a_fenced_settlement_changes_nothing_and_the_rest_goes_through(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 3).await;
    let now = w.now().await;
    let settle = |id, claim| {
        let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
        make::outcome(w.oslo, "a", id, claim, how, sent, now)
    };
    let stranger = ClaimId(claim.id.0 + 1);
    let ids = ids(&claim);
    let mut other_try = settle(ids[2], claim.id);
    if let Some(tried) = &mut other_try.tried {
        tried.attempt = 5;
    }
    let before = w.page("a").await.facts;
    let all = vec![
        settle(ids[0], stranger),
        settle(ids[1], claim.id),
        other_try,
    ];
    let report = w.store.settle(all).await.unwrap();
    assert_eq!((report.fenced, report.events), (vec![0, 2], 1));
    let after = w.page("a").await.facts;
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!(
        w.backend
            .count("SELECT count(*) FROM try WHERE outcome IS NULL")
            .await,
        2
    );
    assert_eq!(w.events(w.oslo).await.len(), 2);
    let again = w
        .store
        .settle(vec![settle(ids[1], claim.id)])
        .await
        .unwrap();
    assert_eq!((again.fenced, again.events), (vec![0], 0));
}

/// The guard of a delivery as it stands.
async fn as_it_is(w: &World, settlement: &Settlement) -> Guard {
    let key = budstikke::domain::receipt::ReceiptKey::Delivery(settlement.delivery);
    let found = w.store.find_tries("primary", &[key], EVER).await.unwrap();
    let found = found[0].clone().unwrap();
    Guard::Unclaimed {
        state: found.state,
        version: found.version,
        due: found.due,
    }
}

pub async fn corrections_raise_the_version_one_by_one_and_close_nothing_twice(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = ids(&claim)[0];
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    let first = make::outcome(w.oslo, "a", id, claim.id, how, sent, now);
    assert_eq!(
        w.settle(vec![first.clone()]).await,
        2,
        "sent and job.finished"
    );
    let delivered = make::settled(Status::Delivered);
    let guard = as_it_is(&w, &first).await;
    let second = make::settlement(w.oslo, "a", id, guard, delivered, now);
    assert_eq!(w.settle(vec![second.clone()]).await, 1);
    // What was read is old now.
    assert_eq!(w.store.settle(vec![second]).await.unwrap().fenced, [0]);
    let guard = as_it_is(&w, &first).await;
    let bounced = make::because(Status::Failed, Reason::Bounced);
    let third = make::settlement(w.oslo, "a", id, guard, bounced, now);
    // The same guard twice in one batch: the first holds.
    let report = w.store.settle(vec![third.clone(), third]).await.unwrap();
    assert_eq!((report.fenced, report.events), (vec![1], 1));
    let fact = w.page("a").await.facts.remove(0);
    assert_eq!((fact.status, fact.version), (Status::Failed, 3));
    let events = w.events(w.oslo).await;
    let versions: Vec<i64> = events
        .iter()
        .filter(|e| e.kind.as_str().starts_with("notification."))
        .map(|e| serde_json::from_str::<serde_json::Value>(&e.data).unwrap()["version"].as_i64())
        .map(Option::unwrap)
        .collect();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn what_waits_again_is_claimed_when_its_time_has_come(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let due = now.plus(Duration::from_millis(400));
    let wait = Next::Wait {
        due,
        slot: 0,
        tries: 1,
    };
    let (id, how) = (ids(&claim)[0], TryOutcome::NotSent);
    assert_eq!(
        w.settle(vec![make::outcome(
            w.oslo, "a", id, claim.id, how, wait, now
        )])
        .await,
        0
    );
    assert_eq!(w.claim(worker, 1).await.deliveries, []);
    w.pass(Duration::from_millis(450)).await;
    let again = w.claim(worker, 1).await;
    assert_eq!(
        (again.deliveries[0].due, again.deliveries[0].tries),
        (due, 1)
    );
}

pub async fn a_fallback_fails_silently_and_begins_on_the_other_channel(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = ids(&claim)[0];
    let fall = |reason| Next::Fallback { reason, due: now };
    let how = TryOutcome::NotSent;
    let next = fall(Reason::RefusedByGateway);
    assert_eq!(
        w.settle(vec![make::outcome(
            w.oslo, "a", id, claim.id, how, next, now
        )])
        .await,
        0
    );
    assert_eq!(
        w.statuses("a").await,
        [Status::Waiting],
        "the silent one is not listed"
    );
    assert_eq!(w.totals("a").await, r#"{"waiting":1}"#);
    let again = w.claim(worker, 10).await;
    let other = again.deliveries[0];
    assert_eq!(other.delivery, id.on(id.channel().other()));
    assert_eq!(
        (other.fixed, other.slot, other.attempts, other.tries),
        (true, 0, 0, 0)
    );
    w.send(again.id, &again.deliveries).await;
    let how = TryOutcome::Accepted;
    let sent = make::settled(Status::Sent);
    w.settle(vec![make::outcome(
        w.oslo,
        "a",
        other.delivery,
        again.id,
        how,
        sent,
        now,
    )])
    .await;
    assert_eq!(w.totals("a").await, r#"{"sent":1}"#);
    assert_eq!(w.count("notification.failed").await, 0);
    assert_eq!(w.count("job.finished").await, 1);
    let view = w.store.job(w.oslo, &job_name("a")).await.unwrap().unwrap();
    assert_eq!(view.state, JobState::Finished);
}

pub async fn what_is_settled_without_a_channel_names_none(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    let next = Next::Settled {
        status: Status::NotSent,
        reason: Some(Reason::Reserved),
        channel_chosen: false,
        possible_duplicate: false,
        covered_by: None,
    };
    let guard = Guard::Claim(claim.id);
    w.settle(vec![make::settlement(
        w.oslo,
        "a",
        ids(&claim)[0],
        guard,
        next,
        now,
    )])
    .await;
    let fact = w.page("a").await.facts.remove(0);
    assert_eq!((fact.channel, fact.reason), (None, Some(Reason::Reserved)));
}
