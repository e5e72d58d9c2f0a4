//! Receipts: what they are about, and those that are early.

use budstikke::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use budstikke::domain::state::State;
use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::TryOutcome;

use super::make;
use super::world::{EVER, GATEWAY, World, ids};

fn by_reference(text: &str) -> ReceiptKey {
    ReceiptKey::ProviderReference(text.to_owned())
}

pub async fn a_receipt_finds_its_try_by_the_gateways_id_or_by_ours(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 2).await;
    let now = w.now().await;
    let ids = ids(&claim);
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", ids[0], claim.id, how, sent, now,
    )])
    .await;
    let keys = [
        by_reference("nobody's"),
        by_reference(&format!("ref-{}", ids[0].0)),
        ReceiptKey::Delivery(ids[0]),
        ReceiptKey::Delivery(ids[1]),
    ];
    let found = w.store.find_tries(GATEWAY, &keys, EVER).await.unwrap();
    assert_eq!(found[0], None);
    assert_eq!(found[1], found[2]);
    let first = found[1].as_ref().unwrap();
    assert_eq!((first.delivery, first.agency), (ids[0], w.oslo));
    assert_eq!(
        (first.state, first.reason, first.version),
        (State::Sent, None, 1)
    );
    assert_eq!(
        (first.slot, first.tries, first.due, first.open_try),
        (0, 0, claim.deliveries[0].due, false)
    );
    let early = found[3].as_ref().unwrap();
    assert_eq!((early.delivery, early.state), (ids[1], State::Claimed));
    assert!(
        early.open_try,
        "its outcome is not written: the receipt is early"
    );
}

pub async fn a_receipt_finds_a_try_of_long_ago(w: World) {
    const AGE: &str = "UPDATE try SET intent_at = intent_at - 40 * 86400000000
        WHERE delivery = (SELECT min(delivery) FROM try)";
    let (_, _, claim) = w.on_the_wire("a", 3).await;
    let (now, ids) = (w.now().await, ids(&claim));
    let settlements = ids.iter().map(|id| {
        let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
        make::outcome(w.oslo, "a", *id, claim.id, how, sent, now)
    });
    w.settle(settlements.collect()).await;
    w.backend.execute(AGE).await.unwrap();
    let keys: Vec<_> = ids
        .iter()
        .map(|id| by_reference(&format!("ref-{}", id.0)))
        .chain([by_reference("nobody's")])
        .collect();
    let found = w.store.find_tries(GATEWAY, &keys, EVER).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|f| f.map(|f| f.delivery)).collect();
    assert_eq!(found, [Some(ids[0]), Some(ids[1]), Some(ids[2]), None]);
}

pub async fn a_receipt_of_another_gateway_finds_nothing(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = ids(&claim)[0];
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    let keys = [
        ReceiptKey::Delivery(id),
        by_reference(&format!("ref-{}", id.0)),
    ];
    let found = w.store.find_tries("reserve", &keys, EVER).await.unwrap();
    assert_eq!(found, [None, None]);
}

pub async fn a_delivery_that_never_left_is_not_found(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    let keys = [ReceiptKey::Delivery(ids(&claim)[0])];
    assert_eq!(
        w.store.find_tries(GATEWAY, &keys, EVER).await.unwrap(),
        [None]
    );
}

pub async fn a_delivery_that_was_certainly_not_sent_is_not_found(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = ids(&claim)[0];
    let (failed, how) = (make::settled(Status::Failed), TryOutcome::NotSent);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, failed, now,
    )])
    .await;
    let keys = [ReceiptKey::Delivery(id)];
    assert_eq!(
        w.store.find_tries(GATEWAY, &keys, EVER).await.unwrap(),
        [None]
    );
}

pub async fn early_receipts_are_kept_in_order_until_they_are_taken(w: World) {
    let now = w.now().await;
    let receipt = |n: u32, status| Receipt {
        key: by_reference(&format!("r{n}")),
        status,
        at: Some(now),
        code: Some(n.to_string()),
    };
    let (a, b, c) = (
        receipt(1, ReceiptStatus::Delivered),
        receipt(2, ReceiptStatus::Failed(Reason::Barred)),
        receipt(3, ReceiptStatus::Expired),
    );
    w.store
        .park(GATEWAY, &[a.clone(), b.clone()], now)
        .await
        .unwrap();
    w.store
        .park("reserve", std::slice::from_ref(&c), now)
        .await
        .unwrap();
    let parked = w.store.parked(0, 10).await.unwrap();
    let receipts: Vec<_> = parked.iter().map(|p| &p.receipt).collect();
    assert_eq!(receipts, [&a, &b, &c]);
    assert_eq!(
        (parked[0].gateway.as_str(), parked[2].gateway.as_str()),
        (GATEWAY, "reserve")
    );
    assert_eq!(parked[0].received_at, now);
    let rest = w.store.parked(parked[0].id, 1).await.unwrap();
    assert_eq!(rest[0].receipt, b);
    w.store.unpark(&[parked[0].id, parked[1].id]).await.unwrap();
    assert_eq!(w.store.parked(0, 10).await.unwrap().len(), 1);
}
