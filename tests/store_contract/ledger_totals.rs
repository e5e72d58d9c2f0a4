//! Jobs' counters: finished exactly once, with totals that add up.

use budstikke::domain::status::{Reason, Status};
use budstikke::ports::store::{Guard, JobState, Next, TryOutcome};

use super::make;
use super::world::{World, ids, job_name};

pub async fn a_job_is_finished_exactly_once_with_its_totals(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 3).await;
    let now = w.now().await;
    let settle = |n: usize, status, how| {
        let next = make::settled(status);
        make::outcome(w.oslo, "a", ids(&claim)[n], claim.id, how, next, now)
    };
    w.settle(vec![
        settle(0, Status::Sent, TryOutcome::Accepted),
        settle(1, Status::Failed, TryOutcome::NotSent),
    ])
    .await;
    assert_eq!(w.count("job.finished").await, 0);
    w.settle(vec![settle(2, Status::Uncertain, TryOutcome::Unknown)])
        .await;
    let events = w.events(w.oslo).await;
    let finished: Vec<_> = events
        .iter()
        .filter(|e| e.kind.as_str() == "job.finished")
        .collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(
        finished[0].data,
        r#"{"job":"a","totals":{"sent":1,"failed":1,"uncertain":1}}"#
    );
    assert_eq!(
        events.last().map(|e| e.sequence),
        Some(finished[0].sequence)
    );
}

pub async fn settling_at_once_from_many_sides_finishes_a_job_once(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 40).await;
    let now = w.now().await;
    let tasks: Vec<_> = ids(&claim)
        .chunks(5)
        .map(|part| {
            let settlements: Vec<_> = part
                .iter()
                .map(|id| {
                    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
                    make::outcome(w.oslo, "a", *id, claim.id, how, sent, now)
                })
                .collect();
            let store = w.store.clone();
            tokio::spawn(async move { store.settle(settlements).await.unwrap().fenced.len() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 0);
    }
    assert_eq!(w.count("job.finished").await, 1);
    assert_eq!(w.count("notification.sent").await, 40);
    assert_eq!(w.totals("a").await, r#"{"sent":40}"#);
    let view = w.store.job(w.oslo, &job_name("a")).await.unwrap().unwrap();
    assert_eq!(view.state, JobState::Finished);
}

pub async fn of_both_channels_the_better_counts(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(2).both().by(w.oslo, now)).await;
    assert_eq!(w.totals("a").await, r#"{"accepted":2}"#);
    let worker = w.worker().await;
    let claim = w.claim(worker, 4).await;
    w.send(claim.id, &claim.deliveries).await;
    let how = [
        (Status::Failed, TryOutcome::NotSent),
        (Status::Sent, TryOutcome::Accepted),
        (Status::Uncertain, TryOutcome::Unknown),
        (Status::Failed, TryOutcome::NotSent),
    ];
    let settlements = ids(&claim).into_iter().zip(how).map(|(id, (status, how))| {
        make::outcome(w.oslo, "a", id, claim.id, how, make::settled(status), now)
    });
    w.settle(settlements.collect()).await;
    assert_eq!(w.totals("a").await, r#"{"sent":1,"uncertain":1}"#);
    assert_eq!(w.statuses("a").await.len(), 4);
    assert_eq!(w.count("job.finished").await, 1);
}

pub async fn what_failed_silently_does_not_count_beside_what_was_told(w: World) {
    let (_, worker, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    let how = TryOutcome::NotSent;
    let fall = Next::Fallback {
        reason: Reason::Unreachable,
        due: now,
    };
    w.settle(vec![make::outcome(
        w.oslo,
        "a",
        ids(&claim)[0],
        claim.id,
        how,
        fall,
        now,
    )])
    .await;
    let again = w.claim(worker, 1).await;
    let next = make::because(Status::NotSent, Reason::Expired);
    let guard = Guard::Claim(again.id);
    w.settle(vec![make::settlement(
        w.oslo,
        "a",
        ids(&again)[0],
        guard,
        next,
        now,
    )])
    .await;
    assert_eq!(w.totals("a").await, r#"{"not_sent":1}"#);
}

pub async fn a_cancelled_job_that_settles_later_keeps_its_state(w: World) {
    let (_, _, claim) = w.on_the_wire("a", 1).await;
    let now = w.now().await;
    w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    assert_eq!(w.count("job.cancelled").await, 1);
    let (sent, how) = (make::settled(Status::Sent), TryOutcome::Accepted);
    let id = ids(&claim)[0];
    w.settle(vec![make::outcome(
        w.oslo, "a", id, claim.id, how, sent, now,
    )])
    .await;
    let view = w.store.job(w.oslo, &job_name("a")).await.unwrap().unwrap();
    assert_eq!(view.state, JobState::Cancelled);
    assert_eq!(view.totals.to_json().to_string(), r#"{"sent":1}"#);
    assert_eq!(w.count("job.finished").await, 1);
    w.store.cancel(w.oslo, &job_name("a"), now).await.unwrap();
    assert_eq!(w.count("job.cancelled").await, 1);
}
