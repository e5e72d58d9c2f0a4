//! Jobs that end by the agency's own word: cancelled, opened.

use budstikke::domain::ids::{DeliveryId, JobNo};
use budstikke::domain::kinds::{Channel, Lane};
use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::{Guard, JobState, Next, Refused, TryOutcome};

use super::make;
use super::world::{World, batch, entry, job_name};

pub async fn a_cancelled_job_settles_all_that_waits_and_says_so(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(3).fixed().by(w.oslo, now)).await;
    let name = job_name("a");
    let view = w.store.cancel(w.oslo, &name, now).await.unwrap().unwrap();
    assert_eq!(view.state, JobState::Cancelled);
    assert_eq!(view.totals.to_json().to_string(), r#"{"cancelled":3}"#);
    assert_eq!(w.count("notification.cancelled").await, 3);
    assert_eq!(w.count("job.cancelled").await, 1);
    assert_eq!(w.count("job.finished").await, 1);
    let page = w.page("a").await;
    assert_eq!(page.facts[0].reason, Some(Reason::Cancelled));
    assert_eq!(
        (page.facts[0].channel, page.facts[0].version),
        (Some(Channel::Sms), 1)
    );
    let events = w.events(w.oslo).await;
    let told = events
        .iter()
        .find(|e| e.kind.as_str() == "notification.cancelled");
    assert_eq!(told.unwrap().data, page.facts[0].to_json());
}

pub async fn cancelling_again_changes_nothing(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    let name = job_name("a");
    let first = w.store.cancel(w.oslo, &name, now).await.unwrap();
    let events = w.events(w.oslo).await;
    let again = w.store.cancel(w.oslo, &name, now).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(w.events(w.oslo).await, events);
    assert_eq!(
        w.store.cancel(w.oslo, &job_name("b"), now).await.unwrap(),
        None
    );
}

pub async fn a_finished_job_stays_finished_when_it_is_cancelled(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = claim.deliveries[0].delivery;
    let sent = make::settled(Status::Sent);
    let how = TryOutcome::Accepted;
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    let view = w
        .store
        .cancel(w.oslo, &job_name("a"), now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.state, JobState::Finished);
    assert_eq!(w.count("job.cancelled").await, 0);
}

pub async fn what_is_claimed_when_its_job_is_cancelled_is_refused_and_settled_by_its_worker(
    w: World,
) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    let name = job_name("a");
    w.store.cancel(w.oslo, &name, now).await.unwrap();
    assert_eq!(w.totals("a").await, r#"{"waiting":1,"cancelled":1}"#);
    let intents = w.intend(claim.id, &claim.deliveries).await;
    assert_eq!(intents.refused, [(0, Refused::Cancelled)]);
    assert_eq!(w.count("job.finished").await, 0);
    let id = claim.deliveries[0].delivery;
    let next = make::because(Status::Cancelled, Reason::Cancelled);
    w.settle(vec![make::settlement(
        w.oslo,
        "a",
        id,
        Guard::Claim(claim.id),
        next,
        now,
    )])
    .await;
    assert_eq!(w.totals("a").await, r#"{"cancelled":2}"#);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn what_may_have_left_is_uncertain_when_its_job_is_cancelled(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = claim.deliveries[0].delivery;
    let again = Next::Wait {
        due: now,
        slot: 1,
        tries: 1,
    };
    let how = TryOutcome::Unknown;
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, again, now,
    )])
    .await;
    w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    let fact = w.page("a").await.facts.remove(0);
    assert_eq!(
        (fact.status, fact.reason),
        (Status::Uncertain, Some(Reason::NoAnswer))
    );
}

pub async fn what_waits_for_a_receipt_goes_on_waiting_when_its_job_is_cancelled(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let id = claim.deliveries[0].delivery;
    let wait = Next::AwaitReceipt { until: now };
    let how = TryOutcome::Unknown;
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, wait, now,
    )])
    .await;
    w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    assert_eq!(w.statuses("a").await, [Status::Sending]);
    assert_eq!(w.store.due_unknown(10).await.unwrap().len(), 1);
    assert_eq!(w.count("job.finished").await, 0);
}

fn of(job: JobNo, position: u16, occasion: u8) -> DeliveryId {
    DeliveryId::of(job, position, occasion, Channel::Sms)
}

pub async fn an_opened_letter_is_not_reminded_of(w: World) {
    let now = w.now().await;
    let job = w
        .accept(make::job("a").to(2).letter(2).by(w.oslo, now))
        .await;
    let name = job_name("a");
    let opened = w
        .store
        .mark_opened(w.oslo, &name, &make::reference(1), now)
        .await
        .unwrap();
    assert!(opened);
    let events = w.events(w.oslo).await;
    let again = w
        .store
        .mark_opened(w.oslo, &name, &make::reference(1), now)
        .await
        .unwrap();
    assert!(again);
    assert_eq!(w.events(w.oslo).await, events);
    assert_eq!(w.count("notification.not_sent").await, 2);
    assert_eq!(w.totals("a").await, r#"{"accepted":4,"not_sent":2}"#);
    let page = w.page("a").await;
    let not_sent = page.facts.iter().filter(|f| f.status == Status::NotSent);
    for fact in not_sent {
        assert_eq!(
            (&fact.reference, fact.reason),
            (&make::reference(1), Some(Reason::Opened))
        );
        assert!(fact.occasion > 0 && !fact.paper());
    }
    let unknown = w
        .store
        .mark_opened(w.oslo, &name, &make::reference(9), now)
        .await
        .unwrap();
    assert!(!unknown);
    let worker = w.worker().await;
    assert_eq!(w.claim(worker, 100).await.deliveries.len(), 4);
    assert_eq!(of(job, 1, 0).occasion(), 0);
}

pub async fn a_reminder_that_is_claimed_when_its_letter_is_opened_is_refused(w: World) {
    let now = w.now().await;
    let job = w.accept(make::job("a").letter(1).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 10).await;
    assert_eq!(claim.deliveries.len(), 2);
    let name = job_name("a");
    assert!(
        w.store
            .mark_opened(w.oslo, &name, &make::reference(0), now)
            .await
            .unwrap()
    );
    let intents = w.intend(claim.id, &claim.deliveries).await;
    assert_eq!(intents.refused, [(1, Refused::Opened)]);
    assert_eq!(claim.deliveries[1].delivery, of(job, 0, 1));
    assert_eq!(intents.granted[0].index, 0);
}

pub async fn stopped_traffic_is_neither_claimed_nor_intended(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    w.accept(make::job("b").by(w.bergen, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 1).await;
    w.store.set_stopped(Some(w.oslo), Some(now)).await.unwrap();
    assert_eq!(w.claim(worker, 10).await.deliveries, []);
    let entries = vec![entry(claim.id, &claim.deliveries[0])];
    let intents = w.store.intend(batch(entries.clone())).await.unwrap();
    assert_eq!(intents.refused, [(0, Refused::Stopped)]);
    let bergen = [super::world::want(w.bergen, Lane::Normal, 1)];
    let theirs = w.store.claim(worker, &bergen).await.unwrap();
    assert_eq!(theirs.deliveries.len(), 1);
    w.store.set_stopped(Some(w.oslo), None).await.unwrap();
    w.store.set_stopped(None, Some(now)).await.unwrap();
    assert_eq!(w.claim(worker, 10).await.deliveries, []);
    let intents = w.store.intend(batch(entries.clone())).await.unwrap();
    assert_eq!(intents.refused, [(0, Refused::Stopped)]);
    w.store.set_stopped(None, None).await.unwrap();
    let intents = w.store.intend(batch(entries)).await.unwrap();
    assert_eq!(intents.granted.len(), 1);
    assert_eq!(w.claim(worker, 10).await.deliveries.len(), 1);
}

pub async fn an_intended_try_is_wanted_until_it_is_stopped_cancelled_or_opened(w: World) {
    let now = w.now().await;
    let a = w.accept(make::job("a").to(2).by(w.oslo, now)).await;
    let b = w.accept(make::job("b").by(w.oslo, now)).await;
    let first = DeliveryId::of(a, 0, 0, Channel::Sms);
    let again = DeliveryId::of(a, 0, 1, Channel::Sms);
    let theirs = DeliveryId::of(a, 1, 1, Channel::Sms);
    let other = DeliveryId::of(b, 0, 0, Channel::Sms);
    let wanted = async || {
        let mut wanted = Vec::new();
        for delivery in [first, again, theirs, other] {
            wanted.push(w.store.is_wanted(w.oslo, delivery).await.unwrap());
        }
        wanted
    };
    assert_eq!(wanted().await, [true; 4]);
    for agency in [Some(w.oslo), None] {
        w.store.set_stopped(agency, Some(now)).await.unwrap();
        assert_eq!(wanted().await, [false; 4]);
        w.store.set_stopped(agency, None).await.unwrap();
    }
    w.store
        .set_stopped(Some(w.bergen), Some(now))
        .await
        .unwrap();
    let (name, reader) = (job_name("a"), make::reference(0));
    w.store
        .mark_opened(w.oslo, &name, &reader, now)
        .await
        .unwrap();
    assert_eq!(wanted().await, [true, false, true, true]);
    w.store.cancel(w.oslo, &name, now).await.unwrap();
    assert_eq!(wanted().await, [false, false, false, true]);
}
