//! Erasing: in steps, by age since everything was settled, down to the disk.

use std::time::Duration;

use budstikke::domain::job::To;
use budstikke::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use budstikke::domain::status::{Reason, Status};
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{Erased, Guard, Next, TryOutcome};

use super::make;
use super::world::{EVER, GATEWAY, UNKNOWN_EMAIL, UNKNOWN_SMS, World, ids, job_name};

const NOTHING: Timestamp = Timestamp(0);
const PLANTED: &str = "PLANTEDVALUE8831";

/// A finished letter to two persons and a phone, with a planted value and text.
async fn finished(w: &World, name: &str) {
    let now = w.now().await;
    let mut recipients: Vec<_> = (0..40)
        .map(|n| make::recipient(n, To::Person(make::person(n))))
        .collect();
    recipients[1].to = To::Phone(make::phone(77));
    recipients[2]
        .values
        .insert("plantet".to_owned(), PLANTED.into());
    let job = make::job(name)
        .recipients(recipients)
        .text("PLANTEDTEXT4711");
    w.accept(job.by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 100).await;
    w.send(claim.id, &claim.deliveries).await;
    let settle = |id| {
        let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
        make::outcome(w.oslo, name, id, claim.id, how, sent, now)
    };
    w.settle(ids(&claim).into_iter().map(settle).collect())
        .await;
    w.store
        .end_worker(worker, UNKNOWN_SMS, UNKNOWN_EMAIL)
        .await
        .unwrap();
}

async fn erase(w: &World, ages: [Timestamp; 4]) -> Erased {
    let [texts, identities, facts, events] = ages;
    let erased = w.store.erase(texts, identities, facts, events, 100);
    erased.await.unwrap()
}

async fn soon(w: &World) -> Timestamp {
    w.now().await.plus(Duration::from_secs(1))
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

pub async fn what_is_young_or_open_is_kept(w: World) {
    finished(&w, "a").await;
    let now = w.now().await;
    w.accept(make::job("open").by(w.oslo, now)).await;
    let old = now.minus(Duration::from_secs(60));
    assert!(erase(&w, [old; 4]).await.is_nothing());
    let at = soon(&w).await;
    let erased = erase(&w, [at, at, at, NOTHING]).await;
    assert_eq!(erased.jobs, 1);
    assert!(
        w.store
            .job(w.oslo, &job_name("open"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(w.statuses("open").await, [Status::Accepted]);
}

pub async fn what_goes_on_after_its_job_was_finished_keeps_its_texts(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let (now, id) = (w.now().await, ids(&claim)[0]);
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    let key = [ReceiptKey::Delivery(id)];
    let found = w
        .store
        .find_tries(GATEWAY, &key, EVER)
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let guard = Guard::Unclaimed {
        state: found.state,
        version: found.version,
        due: found.due,
    };
    let next = Next::Fallback {
        reason: Reason::Unreachable,
        due: now,
    };
    w.settle(vec![make::settlement(w.oslo, "a", id, guard, next, now)])
        .await;
    let at = soon(&w).await;
    assert!(erase(&w, [at, at, at, NOTHING]).await.is_nothing());
    assert_eq!(w.statuses("a").await, [Status::Waiting]);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn texts_then_identities_then_facts_go(w: World) {
    finished(&w, "a").await;
    let at = soon(&w).await;
    let erased = erase(&w, [at, NOTHING, NOTHING, NOTHING]).await;
    assert_eq!((erased.texts, erased.identities, erased.jobs), (1, 0, 0));
    let no = no_of(&w).await;
    let (jobs, chunks) = w.store.load(&[no], &[(no, 0)]).await.unwrap();
    assert_eq!(jobs[0].message, None);
    assert_eq!((chunks[0].contents.len(), chunks[0].persons.len()), (0, 40));
    let erased = erase(&w, [at, at, NOTHING, NOTHING]).await;
    assert_eq!((erased.texts, erased.identities, erased.jobs), (0, 1, 0));
    let (_, chunks) = w.store.load(&[no], &[(no, 0)]).await.unwrap();
    assert_eq!(
        (chunks[0].references.len(), chunks[0].persons.len()),
        (40, 0)
    );
    assert_eq!(w.totals("a").await, r#"{"sent":40}"#);
    assert_eq!(w.page("a").await.facts.len(), 40);
    let erased = erase(&w, [at, at, at, NOTHING]).await;
    assert_eq!((erased.texts, erased.identities, erased.jobs), (0, 0, 1));
    assert_eq!(w.store.job(w.oslo, &job_name("a")).await.unwrap(), None);
    for table in [
        "SELECT count(*) FROM job",
        "SELECT count(*) FROM chunk",
        "SELECT count(*) FROM delivery",
        "SELECT count(*) FROM try",
        "SELECT count(*) FROM claim",
    ] {
        assert_eq!(w.backend.count(table).await, 0, "{table}");
    }
    assert!(erase(&w, [at, at, at, NOTHING]).await.is_nothing());
}

async fn no_of(w: &World) -> budstikke::domain::ids::JobNo {
    budstikke::domain::ids::JobNo(w.backend.count("SELECT max(no) FROM job").await)
}

pub async fn what_is_erased_is_not_on_the_disk_any_more(w: World) {
    for name in ["a", "b", "c"] {
        finished(&w, name).await;
    }
    let phone = make::phone(77);
    let persons = [make::person(0), make::person(39)];
    let texts = [phone.expose(), PLANTED, "PLANTEDTEXT4711", "verdi-3"];
    if let Some(bytes) = w.backend.bytes_on_disk().await {
        assert!(texts.iter().all(|text| holds(&bytes, text)));
        assert!(persons.iter().all(|person| holds(&bytes, person.expose())));
    }
    let at = soon(&w).await;
    erase(&w, [at, NOTHING, NOTHING, NOTHING]).await;
    if let Some(bytes) = w.backend.bytes_on_disk().await {
        for text in texts {
            assert!(!holds(&bytes, text), "{text} is still on the disk");
        }
        assert!(persons.iter().all(|person| holds(&bytes, person.expose())));
    }
    erase(&w, [at, at, NOTHING, NOTHING]).await;
    if let Some(bytes) = w.backend.bytes_on_disk().await {
        let found = persons.iter().any(|person| holds(&bytes, person.expose()));
        assert!(!found, "an identity number is still on the disk");
    }
    assert_eq!(w.totals("b").await, r#"{"sent":40}"#);
}

pub async fn old_events_leave_the_feed_once_they_are_published(w: World) {
    finished(&w, "a").await;
    let before = w.events(w.oslo).await.len() as u64;
    let at = soon(&w).await;
    w.store.unpublished(&[(w.oslo, 5)], &[], 0).await.unwrap();
    let erased = erase(&w, [NOTHING, NOTHING, NOTHING, at]).await;
    assert_eq!(erased.events, 5);
    assert_eq!(w.events(w.oslo).await[0].sequence, 6);
    let unpublished = w.store.unpublished(&[], &[], 1).await.unwrap();
    assert_eq!(unpublished[0].events[0].sequence, 6);
    let beyond = [(w.oslo, i64::MAX)];
    w.store.unpublished(&beyond, &[], 0).await.unwrap();
    assert_eq!(
        erase(&w, [NOTHING, NOTHING, NOTHING, at]).await.events,
        before - 5
    );
    // The numbers go on where they were.
    let now = w.now().await;
    w.accept(make::job("b").by(w.oslo, now)).await;
    assert_eq!(
        w.events(w.oslo).await[0].sequence,
        i64::try_from(before).unwrap() + 1
    );
}

pub async fn old_events_leave_the_feed_when_there_is_no_broker(w: World) {
    finished(&w, "a").await;
    let before = w.events(w.oslo).await.len() as u64;
    let at = soon(&w).await;
    assert_eq!(
        erase(&w, [NOTHING, NOTHING, NOTHING, at]).await.events,
        before
    );
    assert_eq!(w.store.unpublished(&[], &[], 10).await.unwrap(), []);
}

pub async fn receipts_that_found_nothing_in_a_week_are_forgotten(w: World) {
    let now = w.now().await;
    let receipt = |n: u32| Receipt {
        key: ReceiptKey::ProviderReference(n.to_string()),
        status: ReceiptStatus::Delivered,
        at: None,
        code: None,
    };
    let days = |n: u64| now.minus(Duration::from_secs(n * 24 * 3_600));
    w.store.park(GATEWAY, &[receipt(1)], days(8)).await.unwrap();
    w.store.park(GATEWAY, &[receipt(2)], days(6)).await.unwrap();
    erase(&w, [NOTHING; 4]).await;
    let parked = w.store.parked(0, 10).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].receipt, receipt(2));
}
