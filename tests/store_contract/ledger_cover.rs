//! One message per address and text within a job.

use std::time::Duration;

use budstikke::domain::pace::Rate;
use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::{Claim, Guard, IntentBatch, Next, Refused, TryOutcome};

use super::make;
use super::world::{World, batch, entry, ids};

const KEY: [u8; 16] = [7; 16];

async fn claimed(w: &World, name: &str, count: u16) -> Claim {
    let now = w.now().await;
    w.accept(make::job(name).to(count).by(w.oslo, now)).await;
    let worker = w.worker().await;
    w.claim(worker, u32::from(count)).await
}

fn covering(claim: &Claim) -> IntentBatch {
    let mut entries: Vec<_> = claim
        .deliveries
        .iter()
        .map(|c| entry(claim.id, c))
        .collect();
    for entry in &mut entries {
        entry.cover = Some(KEY);
    }
    batch(entries)
}

pub async fn the_first_of_a_batch_covers_the_others(w: World) {
    let claim = claimed(&w, "a", 3).await;
    let mut all = covering(&claim);
    all.entries[1].cover = Some([8; 16]);
    let intents = w.store.intend(all).await.unwrap();
    let granted: Vec<_> = intents.granted.iter().map(|g| g.index).collect();
    assert_eq!(granted, [0, 1]);
    assert_eq!(intents.refused, [(2, Refused::Covered(0))]);
}

pub async fn one_of_an_earlier_batch_covers_later_ones_but_not_itself_nor_another_job(w: World) {
    let claim = claimed(&w, "a", 2).await;
    let all = covering(&claim);
    let second = IntentBatch {
        entries: all.entries[1..].to_vec(),
        ..all.clone()
    };
    let first = IntentBatch {
        entries: all.entries[..1].to_vec(),
        ..all
    };
    assert_eq!(w.store.intend(second).await.unwrap().granted.len(), 1);
    let intents = w.store.intend(first).await.unwrap();
    assert_eq!(intents.refused, [(0, Refused::Covered(1))]);
    let now = w.now().await;
    // The one that covers may try again.
    let (id, how) = (ids(&claim)[1], TryOutcome::NotSent);
    let wait = Next::Wait {
        due: now,
        slot: 0,
        tries: 1,
    };
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, wait, now,
    )])
    .await;
    let worker = w.worker().await;
    let again = w.claim(worker, 1).await;
    assert_eq!(ids(&again), [id]);
    assert_eq!(
        w.store
            .intend(covering(&again))
            .await
            .unwrap()
            .granted
            .len(),
        1
    );
    let other = claimed(&w, "b", 1).await;
    assert_eq!(
        w.store
            .intend(covering(&other))
            .await
            .unwrap()
            .granted
            .len(),
        1
    );
}

pub async fn one_that_got_no_slot_covers_nobody(w: World) {
    let claim = claimed(&w, "a", 3).await;
    let mut all = covering(&claim);
    all.entries[0].cover = None;
    all.rate = Rate::new(1.0, 1).unwrap();
    all.ahead = Duration::ZERO;
    let intents = w.store.intend(all).await.unwrap();
    assert_eq!(intents.granted.len(), 1);
    assert_eq!(intents.refused, []);
    assert_eq!(w.backend.count("SELECT count(*) FROM cover").await, 0);
}

pub async fn a_covered_one_names_who_covered_it(w: World) {
    let claim = claimed(&w, "a", 2).await;
    w.store.intend(covering(&claim)).await.unwrap();
    let now = w.now().await;
    let next = Next::Settled {
        status: Status::NotSent,
        reason: Some(Reason::Covered),
        channel_chosen: true,
        possible_duplicate: false,
        covered_by: Some((0, make::reference(0).into())),
    };
    let guard = Guard::Claim(claim.id);
    w.settle(vec![make::settlement(
        w.oslo,
        "a",
        ids(&claim)[1],
        guard,
        next,
        now,
    )])
    .await;
    let fact = w.page("a").await.facts.remove(1);
    assert_eq!(fact.covered_by, Some(make::reference(0)));
    let events = w.events(w.oslo).await;
    assert_eq!(events[1].data, fact.to_json());
}
