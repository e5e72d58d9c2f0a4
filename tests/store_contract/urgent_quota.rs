//! Urgent is a right with a quota, taken when jobs come in.

use std::time::Duration;

use budstikke::domain::kinds::Lane;
use budstikke::ports::store::{Acceptance, NewJob};

use super::make;
use super::world::{World, job_name, want};

const MINUTE: Duration = Duration::from_secs(60);

/// Accepts one job and answers how many of its recipients are over the quota.
async fn over(w: &World, job: NewJob) -> u64 {
    let answers = w.store.accept(vec![job]).await.unwrap();
    match answers.as_slice() {
        [
            Acceptance::Accepted {
                urgent_over_quota, ..
            },
        ] => *urgent_over_quota,
        other => panic!("not accepted: {other:?}"),
    }
}

/// How many deliveries wait in Oslo's lane.
async fn waiting(w: &World, lane: Lane) -> usize {
    let worker = w.worker().await;
    let wants = [want(w.oslo, lane, 1_000)];
    let claim = w.store.claim(worker, &wants).await.unwrap();
    let all: Vec<_> = claim.deliveries.iter().map(|c| c.delivery).collect();
    let back: Vec<_> = all.iter().map(|id| (*id, claim.id)).collect();
    w.store.hand_back(&back, None).await.unwrap();
    all.len()
}

pub async fn the_first_recipients_within_the_quota_are_urgent_and_the_others_normal(w: World) {
    let now = w.now().await;
    let job = make::job("a").urgent(10, &[3, 3, 3, 3, 1]).by(w.oslo, now);
    assert_eq!(over(&w, job).await, 2);
    assert_eq!(waiting(&w, Lane::Urgent).await, 3);
    assert_eq!(waiting(&w, Lane::Normal).await, 2);
    let view = w.store.job(w.oslo, &job_name("a")).await.unwrap().unwrap();
    assert_eq!(
        (view.lane, view.lane_asked, view.urgent_over_quota),
        (Lane::Urgent, Lane::Urgent, 2)
    );
    // One is left of the quota, and another agency has its own.
    let more = make::job("b").urgent(10, &[2]).by(w.oslo, now);
    assert_eq!(over(&w, more).await, 1);
    let view = w.store.job(w.oslo, &job_name("b")).await.unwrap().unwrap();
    assert_eq!(
        (view.lane, view.lane_asked, view.urgent_over_quota),
        (Lane::Normal, Lane::Urgent, 1)
    );
    let others = make::job("a").urgent(10, &[10]).by(w.bergen, now);
    assert_eq!(over(&w, others).await, 0);
}

pub async fn a_repeat_takes_nothing_of_the_quota_and_tells_what_was_over(w: World) {
    let now = w.now().await;
    let job = || make::job("a").urgent(4, &[3, 3]).by(w.oslo, now);
    assert_eq!(over(&w, job()).await, 1);
    let answers = w.store.accept(vec![job(), job()]).await.unwrap();
    for answer in answers {
        let Acceptance::Repeated(view) = answer else {
            panic!("not repeated: {answer:?}");
        };
        assert_eq!(view.urgent_over_quota, 1);
    }
    let last = make::job("b").urgent(4, &[1]).by(w.oslo, now);
    assert_eq!(over(&w, last).await, 0);
}

pub async fn a_job_in_another_lane_takes_nothing_of_the_quota(w: World) {
    let now = w.now().await;
    w.accept(make::job("a").to(20).by(w.oslo, now)).await;
    let urgent = make::job("b").urgent(5, &[5]).by(w.oslo, now);
    assert_eq!(over(&w, urgent).await, 0);
}

pub async fn jobs_of_one_batch_share_the_quota_in_their_order(w: World) {
    let now = w.now().await;
    let jobs = ["c", "a", "b"].map(|name| make::job(name).urgent(5, &[2, 1]).by(w.oslo, now));
    let answers = w.store.accept(jobs.to_vec()).await.unwrap();
    let over: Vec<u64> = answers
        .iter()
        .map(|answer| match answer {
            Acceptance::Accepted {
                urgent_over_quota, ..
            } => *urgent_over_quota,
            other @ (Acceptance::Repeated(_) | Acceptance::Conflict) => {
                panic!("not accepted: {other:?}")
            }
        })
        .collect();
    assert_eq!(over, [0, 1, 2]);
}

pub async fn the_quota_comes_back_after_an_hour(w: World) {
    let now = w.now().await;
    let full = make::job("a").urgent(2, &[1, 1]).by(w.oslo, now);
    assert_eq!(over(&w, full).await, 0);
    w.pass(MINUTE * 59).await;
    let still = make::job("b").urgent(2, &[1]).by(w.oslo, now);
    assert_eq!(over(&w, still).await, 1);
    w.pass(MINUTE * 2).await;
    let again = make::job("c").urgent(2, &[1]).by(w.oslo, now);
    assert_eq!(over(&w, again).await, 0);
}

pub async fn many_accepting_at_once_never_exceed_the_quota(w: World) {
    let now = w.now().await;
    let mut tasks = Vec::new();
    for task in 0..8 {
        let store = w.store.clone();
        let (oslo, bergen) = (w.oslo, w.bergen);
        tasks.push(tokio::spawn(async move {
            for round in 0..10 {
                let name = format!("j-{task}-{round}");
                // Both agencies in one transaction, in either order.
                let mut jobs = vec![
                    make::job(&name).urgent(100, &[2, 1]).by(oslo, now),
                    make::job(&name).urgent(100, &[2, 1]).by(bergen, now),
                ];
                if task % 2 == 1 {
                    jobs.reverse();
                }
                store.accept(jobs).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let urgent = "SELECT count(*) FROM delivery WHERE lane = 0";
    // 33 jobs of three parts and one of two, or of one recipient of one part, for each agency.
    let count = w.backend.count(urgent).await;
    assert!((2 * 66..=2 * 68).contains(&count), "{count}");
    let over = "SELECT CAST(sum(over_quota) AS BIGINT) FROM job";
    assert_eq!(w.backend.count(over).await, 2 * 8 * 10 * 2 - count);
}
