//! What is kept of letters as proof.

use std::time::Duration;

use budstikke::domain::ids::{AgencyNo, DeliveryId, Reference};
use budstikke::domain::kinds::Channel;
use budstikke::domain::status::Status;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{LetterFact, LetterFile, TryOutcome};

use super::make;
use super::world::{GATEWAY, World, ids, job_name};

fn fact(delivery: DeliveryId, at: i64) -> LetterFact {
    LetterFact {
        delivery,
        at: Timestamp(at),
        data: format!("{{\"at\":{at}}}"),
    }
}

async fn file(w: &World, agency: AgencyNo, job: &str, reference: &str) -> Option<LetterFile> {
    let reference = Reference::parse(reference).unwrap();
    w.store
        .letter_file(agency, &job_name(job), &reference)
        .await
        .unwrap()
}

async fn reference_of(w: &World, job: &str, at: usize) -> String {
    w.page(job).await.facts[at].reference.to_string()
}

pub async fn everything_of_one_recipient_is_found_and_nothing_of_others(w: World) {
    let (job, _, claim) = w.on_the_wire("a", 3).await;
    let all = ids(&claim);
    let (one, other) = (all[1], all[2]);
    let later = DeliveryId::of(job, one.position(), 1, Channel::Email);
    let facts = [
        fact(one, 20),
        fact(one, 10),
        fact(later, 30),
        fact(other, 5),
    ];
    w.store.put_letter_facts(&facts).await.unwrap();
    w.store.put_letter_facts(&[]).await.unwrap();
    let now = w.now().await;
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", one, claim.id, how, sent, now,
    )])
    .await;
    let reference = reference_of(&w, "a", 1).await;
    let found = file(&w, w.oslo, "a", &reference).await.unwrap();
    assert_eq!(
        found.facts,
        [facts[1].clone(), facts[0].clone(), facts[2].clone()]
    );
    assert_eq!(found.tries.len(), 1);
    assert_eq!(found.tries[0].gateway, GATEWAY);
    assert_eq!(found.tries[0].outcome, Some((TryOutcome::Accepted, now)));
    assert_eq!(found.deliveries.len(), 1);
    assert_eq!(found.deliveries[0].delivery, one);
    assert_eq!(found.deliveries[0].version, 1);
    assert!(found.accepted_at <= now && found.opened_at.is_none());
    let open = file(&w, w.oslo, "a", &reference_of(&w, "a", 2).await).await;
    assert_eq!(open.unwrap().tries[0].outcome, None);
    assert_eq!(file(&w, w.bergen, "a", &reference).await, None);
    assert_eq!(file(&w, w.oslo, "a", "nobody").await, None);
    assert_eq!(file(&w, w.oslo, "b", &reference).await, None);
}

pub async fn it_goes_with_the_facts_of_its_job(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let one = ids(&claim)[0];
    w.store.put_letter_facts(&[fact(one, 10)]).await.unwrap();
    let now = w.now().await;
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    w.settle(vec![make::outcome(
        w.oslo, "a", one, claim.id, how, sent, now,
    )])
    .await;
    const COUNT: &str = "SELECT count(*) FROM letter_fact";
    assert_eq!(w.backend.count(COUNT).await, 1);
    let at = w.now().await.plus(Duration::from_secs(1));
    let erased = w.store.erase(at, at, at, Timestamp(0), 100).await.unwrap();
    assert_eq!(erased.jobs, 1);
    assert_eq!(w.backend.count(COUNT).await, 0);
}
