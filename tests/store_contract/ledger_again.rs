//! What goes on after a try: again, a second time, after the end of its job, after a lost answer.

use std::time::Duration;

use budstikke::domain::ids::{DeliveryId, WorkerId};
use budstikke::domain::receipt::ReceiptKey;
use budstikke::domain::status::{Reason, Status};
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{Claim, Guard, JobState, Next, Settlement, TryOutcome};

use super::make;
use super::world::{EVER, GATEWAY, UNKNOWN_EMAIL, UNKNOWN_SMS, World, ids, job_name};

const HOUR: Duration = Duration::from_secs(3_600);

const fn wait(due: Timestamp, slot: u8, tries: u32) -> Next {
    Next::Wait { due, slot, tries }
}

/// The guard of a delivery as it stands.
async fn as_it_is(w: &World, id: DeliveryId) -> Guard {
    let keys = [ReceiptKey::Delivery(id)];
    let found = w.store.find_tries(GATEWAY, &keys, EVER).await.unwrap();
    let found = found[0].clone().unwrap();
    Guard::Unclaimed {
        state: found.state,
        version: found.version,
        due: found.due,
    }
}

pub async fn what_waits_again_in_a_cancelled_job_is_due_at_once(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    let (id, how) = (ids(&claim)[0], TryOutcome::NotSent);
    let next = wait(now.plus(HOUR), 0, 1);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, next, now,
    )])
    .await;
    let again = w.claim(worker, 1).await;
    assert_eq!((ids(&again), again.deliveries[0].due), (vec![id], now));
}

pub async fn a_reminder_that_waits_again_after_its_letter_was_opened_is_due_at_once(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").letter(1).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 10).await;
    let (name, first) = (job_name("a"), make::reference(0));
    let opened = w.store.mark_opened(w.oslo, &name, &first, now);
    assert!(opened.await.unwrap());
    let both = ids(&claim).into_iter().map(|id| {
        let next = wait(now.plus(HOUR), 0, 0);
        make::settlement(w.oslo, "a", id, Guard::Claim(claim.id), next, now)
    });
    w.settle(both.collect()).await;
    // The first message is not what the letter's opening withholds.
    assert_eq!(ids(&w.claim(worker, 10).await), ids(&claim)[1..]);
}

pub async fn tries_are_counted_beyond_what_sixteen_bits_hold(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    w.backend
        .execute("UPDATE delivery SET attempts = 70000, tries = 70000")
        .await
        .unwrap();
    let worker = w.worker().await;
    for n in 70_000..70_003 {
        let claim = w.claim(worker, 1).await;
        let claimed = claim.deliveries[0];
        assert_eq!((claimed.attempts, claimed.tries), (n, n));
        w.send(claim.id, &claim.deliveries).await;
        let guard = Guard::Claim(claim.id);
        let next = wait(now, 0, n + 1);
        w.settle(vec![Settlement {
            tried: Some(make::tried(claimed.delivery, 0, n, TryOutcome::NotSent)),
            ..make::settlement(w.oslo, "a", claimed.delivery, guard, next, now)
        }])
        .await;
    }
    let tries = "SELECT count(*) FROM try WHERE no >= 70000";
    assert_eq!(w.backend.count(tries).await, 3);
}

/// The first try is unknown, the second is on the wire.
async fn second(w: &World) -> (WorkerId, Claim) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let (id, how) = (ids(&claim)[0], TryOutcome::Unknown);
    let next = wait(now, 1, 1);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, next, now,
    )])
    .await;
    let again = w.claim(worker, 1).await;
    w.send(again.id, &again.deliveries).await;
    (worker, again)
}

fn second_ended(w: &World, claim: &Claim, how: TryOutcome, next: Next) -> Settlement {
    let claimed = claim.deliveries[0];
    let guard = Guard::Claim(claim.id);
    Settlement {
        tried: Some(make::tried(
            claimed.delivery,
            claimed.slot,
            claimed.attempts,
            how,
        )),
        ..make::settlement(w.oslo, "a", claimed.delivery, guard, next, claimed.due)
    }
}

async fn marked(w: &World) -> bool {
    w.page("a").await.facts[0].possible_duplicate
}

pub async fn a_second_try_that_was_certainly_not_sent_marks_nothing(w: World) {
    let (worker, claim) = second(&w).await;
    let due = claim.deliveries[0].due;
    let forfeited = second_ended(&w, &claim, TryOutcome::NotSent, wait(due, 1, 1));
    w.settle(vec![forfeited]).await;
    assert!(!marked(&w).await);
    let again = w.claim(worker, 1).await;
    let next = make::because(Status::Uncertain, Reason::NoAnswer);
    let guard = Guard::Claim(again.id);
    w.settle(vec![make::settlement(
        w.oslo,
        "a",
        ids(&again)[0],
        guard,
        next,
        due,
    )])
    .await;
    assert!(!marked(&w).await);
}

pub async fn a_second_try_that_may_have_left_is_marked_for_good(w: World) {
    let (_, claim) = second(&w).await;
    let id = ids(&claim)[0];
    let now = w.now().await;
    let until = now.plus(HOUR);
    let unknown = Next::AwaitReceipt { until };
    w.settle(vec![second_ended(&w, &claim, TryOutcome::Unknown, unknown)])
        .await;
    assert!(marked(&w).await);
    for (status, version) in [(Status::Uncertain, 1), (Status::Delivered, 2)] {
        let guard = as_it_is(&w, id).await;
        let next = make::settled(status);
        w.settle(vec![make::settlement(w.oslo, "a", id, guard, next, now)])
            .await;
        let fact = w.page("a").await.facts.remove(0);
        assert_eq!((fact.version, fact.possible_duplicate), (version, true));
        let events = w.events(w.oslo).await;
        let said = fact.to_json();
        let told = events.iter().any(|e| e.data == said);
        assert!(told, "the event says what the list says");
    }
}

pub async fn an_open_second_try_that_is_let_go_is_marked(w: World) {
    let (_, claim) = second(&w).await;
    let id = ids(&claim)[0];
    w.store
        .abandon(&[(id, claim.id)], UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
    assert!(marked(&w).await);
}

pub async fn an_open_second_try_of_a_worker_that_ended_is_marked(w: World) {
    let (worker, _) = second(&w).await;
    w.store
        .end_worker(worker, UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
    assert!(marked(&w).await);
}

pub async fn a_late_fallback_opens_a_finished_job_again_and_it_is_told_once(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let (id, how) = (ids(&claim)[0], TryOutcome::Accepted);
    let sent = make::settled(Status::Sent);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    let state = async || {
        let view = w.store.job(w.oslo, &job_name("a")).await.unwrap();
        view.unwrap().state
    };
    assert_eq!(state().await, JobState::Finished);
    let fall = Next::Fallback {
        reason: Reason::Unreachable,
        due: now,
    };
    let guard = as_it_is(&w, id).await;
    w.settle(vec![make::settlement(w.oslo, "a", id, guard, fall, now)])
        .await;
    assert_eq!(state().await, JobState::Open);
    let chosen = "SELECT count(*) FROM delivery WHERE chosen";
    assert_eq!(w.backend.count(chosen).await, 2);
    let again = w.claim(worker, 1).await;
    let expired = make::because(Status::NotSent, Reason::Expired);
    let guard = Guard::Claim(again.id);
    let id = ids(&again)[0];
    w.settle(vec![make::settlement(w.oslo, "a", id, guard, expired, now)])
        .await;
    assert_eq!(state().await, JobState::Finished);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn a_job_that_a_late_fallback_opened_can_be_cancelled(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let (id, how) = (ids(&claim)[0], TryOutcome::Accepted);
    let sent = make::settled(Status::Sent);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    let fall = Next::Fallback {
        reason: Reason::Unreachable,
        due: now,
    };
    let guard = as_it_is(&w, id).await;
    w.settle(vec![make::settlement(w.oslo, "a", id, guard, fall, now)])
        .await;
    let view = w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    assert_eq!(view.unwrap().state, JobState::Cancelled);
    assert_eq!(w.totals("a").await, r#"{"cancelled":1}"#);
    assert_eq!(w.count("job.cancelled").await, 1);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn what_an_unknown_claim_of_a_worker_holds_goes_back(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(4).by(w.oslo, now)).await;
    let (worker, other) = (w.worker().await, w.worker().await);
    let known = w.claim(worker, 1).await;
    let stray = w.claim(worker, 1).await;
    let sending = w.claim(worker, 1).await;
    w.send(sending.id, &sending.deliveries).await;
    w.claim(other, 1).await;
    let known = [known.id];
    let strays = |age| w.store.hand_back_strays(worker, age, &known);
    assert_eq!(strays(HOUR).await.unwrap(), 0, "too young");
    w.pass(Duration::from_millis(120)).await;
    let age = Duration::from_millis(100);
    assert_eq!(strays(age).await.unwrap(), 1);
    assert_eq!(strays(age).await.unwrap(), 0);
    let again = w.claim(other, 10).await;
    assert_eq!(again.deliveries.len(), 1);
    assert_eq!(again.deliveries[0].delivery, ids(&stray)[0]);
    assert_eq!(again.deliveries[0].due, now);
}
