//! The third answer: unknown, and what becomes of it.

use std::time::Duration;

use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::{Guard, Next, TryOutcome, UnknownDelivery};

use super::make;
use super::world::{World, ids};

async fn one_unknown(w: &World, wait: Duration) -> UnknownDelivery {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let next = Next::AwaitReceipt {
        until: now.plus(wait),
    };
    let (id, how) = (ids(&claim)[0], TryOutcome::Unknown);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, next, now,
    )])
    .await;
    assert_eq!(w.store.due_unknown(10).await.unwrap(), []);
    w.pass(wait + Duration::from_millis(20)).await;
    let mut due = w.store.due_unknown(10).await.unwrap();
    assert_eq!(due.len(), 1);
    due.remove(0)
}

const fn guard(unknown: &UnknownDelivery) -> Guard {
    Guard::Unclaimed {
        state: budstikke::domain::state::State::Unknown,
        version: unknown.version,
        due: unknown.due,
    }
}

pub async fn an_unknown_try_waits_for_its_receipt_then_shows_up(w: World) {
    let due = one_unknown(&w, Duration::from_millis(300)).await;
    assert_eq!((due.agency, due.slot, due.version), (w.oslo, 0, 0));
    assert_eq!(w.statuses("a").await, [Status::Sending]);
}

pub async fn reconcile_may_send_once_more_in_slot_1(w: World) {
    let due = one_unknown(&w, Duration::from_millis(100)).await;
    let now = w.now().await;
    let next = Next::Wait {
        due: now,
        slot: 1,
        tries: due.tries,
    };
    let again = make::settlement(w.oslo, "a", due.delivery, guard(&due), next, now);
    w.settle(vec![again.clone()]).await;
    assert_eq!(w.store.settle(vec![again]).await.unwrap().fenced, [0]);
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    assert_eq!(claim.deliveries[0].slot, 1);
    w.send(claim.id, &claim.deliveries).await;
}

pub async fn a_late_receipt_settles_an_unknown_try_before_reconcile_does(w: World) {
    let due = one_unknown(&w, Duration::from_millis(100)).await;
    let now = w.now().await;
    let delivered = make::settled(Status::Delivered);
    let mut late = make::settlement(w.oslo, "a", due.delivery, guard(&due), delivered, now);
    late.tried = Some(make::tried(due.delivery, 0, 0, TryOutcome::Accepted));
    w.settle(vec![late]).await;
    let next = make::because(Status::Uncertain, Reason::NoAnswer);
    let reconcile = make::settlement(w.oslo, "a", due.delivery, guard(&due), next, now);
    assert_eq!(w.store.settle(vec![reconcile]).await.unwrap().fenced, [0]);
    assert_eq!(w.statuses("a").await, [Status::Delivered]);
    assert_eq!(
        w.backend
            .count("SELECT count(*) FROM try WHERE outcome = 1")
            .await,
        1
    );
}
