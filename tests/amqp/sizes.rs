//! Jobs of very different sizes: how many are fetched ahead, and how much is read.

use std::collections::BTreeSet;

use budstikke::adapters::amqp::AmqpClient;
use budstikke::domain::kinds::Lane;
use budstikke::ports::job_source::{Incoming, JobSource};
use tokio::time::{Instant, timeout, timeout_at};

use crate::jobs::job;
use crate::support::{Broker, LIMIT, QUIET, Worker, agency_id, settings};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn small_and_large_jobs_in_turn_arrive_once_each_in_their_order() {
    let mut broker = Broker::new("sizes");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let pad = "x".repeat(300_000);
    let jobs: Vec<_> = (0..150)
        .map(|n| {
            let pad = if n / 50 == 1 { pad.as_str() } else { "" };
            job(Lane::Normal, &format!("{n} {pad}"))
        })
        .collect();
    client.submit(&jobs, |_| {}).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < jobs.len() {
        let batch = worker.take((jobs.len() - seen.len()).min(7)).await;
        for message in &batch {
            seen.push(number(message));
        }
        worker.ack(batch).await;
    }
    assert_eq!(seen, (0..jobs.len()).collect::<Vec<_>>());
    broker.until_gone("budstikke.jobs.oslo.normal").await;
    worker.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn more_large_jobs_behind_small_ones_than_there_is_room_for_arrive_all_the_same() {
    let mut broker = Broker::new("room");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    large_behind_small(&broker, &user, &worker).await;
    let mut seen = Vec::new();
    while seen.len() < LARGE {
        let next = worker.take_one().await;
        seen.push(number(&next));
        worker.ack(vec![next]).await;
    }
    // What is on its way to a consumer that ends, the broker hands out again, in no order.
    seen.sort_unstable();
    assert_eq!(seen, (0..LARGE).collect::<Vec<_>>());
    broker.until_gone("budstikke.jobs.oslo.normal").await;
    worker.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_source_pauses_and_goes_on_though_more_is_under_way_than_there_is_room_for() {
    let mut broker = Broker::new("fullpause");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    large_behind_small(&broker, &user, &worker).await;
    // Nothing is settled from now on, as when the store is away.
    let held = worker.take_one().await;
    worker.jobs.pause().await;
    worker.jobs.resume().await;
    worker.ack(vec![held]).await;
    let mut seen = BTreeSet::from([0]);
    while seen.len() < LARGE {
        let next = worker.take_one().await;
        seen.insert(number(&next));
        worker.ack(vec![next]).await;
    }
    broker.until_gone("budstikke.jobs.oslo.normal").await;
    worker.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn an_urgent_job_arrives_while_there_is_no_room_for_the_others() {
    let mut broker = Broker::new("ahead");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    large_behind_small(&broker, &user, &worker).await;
    // Nothing is settled, so some day nothing more comes.
    let mut held = Vec::new();
    while let Ok(more) = timeout(QUIET, worker.jobs.next(1)).await {
        held.extend(more.unwrap());
    }
    assert!(held.len() < LARGE, "there was room for all");
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    client
        .submit(&[job(Lane::Urgent, "{}")], |_| {})
        .await
        .unwrap();
    // A little of the others is read all the same: it would wait behind them for longer than this.
    let deadline = Instant::now() + LIMIT;
    let urgent = loop {
        let next = timeout_at(deadline, worker.jobs.next(1)).await;
        let next = next.expect("it waits behind the others").unwrap().remove(0);
        if next.lane == Lane::Urgent {
            break next;
        }
        held.push(next);
    };
    held.push(urgent);
    worker.ack(held).await;
    broker.until_gone("budstikke.jobs.oslo.urgent").await;
    worker.jobs.close().await;
}

/// So many of a megabyte each are more than is read ahead.
const LARGE: usize = 60;

/// Fetches small jobs until as many are asked for as may be, and lets all that come then be large.
async fn large_behind_small(broker: &Broker, user: &str, worker: &Worker) {
    let client = AmqpClient::connect(settings(&broker.url_of(user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let small: Vec<_> = (0..100).map(|_| job(Lane::Normal, "{}")).collect();
    client.submit(&small, |_| {}).await.unwrap();
    let held = worker.take(small.len()).await;
    let pad = "x".repeat(1_000_000);
    let large: Vec<_> = (0..LARGE)
        .map(|n| job(Lane::Normal, &format!("{n} {pad}")))
        .collect();
    client.submit(&large, |_| {}).await.unwrap();
    worker.ack(held).await;
}

fn number(message: &Incoming) -> usize {
    let text = std::str::from_utf8(&message.body).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn of_large_jobs_few_are_fetched_ahead() {
    let mut broker = Broker::new("large");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let large = "x".repeat(300_000);
    let jobs: Vec<_> = (0..150).map(|_| job(Lane::Normal, &large)).collect();
    client.submit(&jobs, |_| {}).await.unwrap();
    // The first sixteen, and what then fits the 24 MiB of the lane: it has one queue.
    let ahead = 16 + 83;
    let held = worker.take(ahead).await;
    worker.jobs.pause().await;
    let left = u32::try_from(jobs.len() - ahead).unwrap();
    broker.until_depth("budstikke.jobs.oslo.normal", left).await;
    worker.ack(held).await;
    worker.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn sizes_that_change_again_and_again_fetch_no_backlog_ahead() {
    let mut broker = Broker::new("mixed");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let large = "x".repeat(600_000);
    let body = |n: usize| {
        if n > 16 && n.is_multiple_of(20) {
            large.as_str()
        } else {
            "{}"
        }
    };
    let jobs: Vec<_> = (0..600).map(|n| job(Lane::Normal, body(n))).collect();
    client.submit(&jobs, |_| {}).await.unwrap();
    // The first sixteen are small; of the hundred that are asked for then none is settled, so that
    // no more is asked for, however often the mean changes.
    let ahead = 16 + 100;
    let held = worker.take(ahead).await;
    worker.jobs.pause().await;
    let left = u32::try_from(jobs.len() - ahead).unwrap();
    broker.until_depth("budstikke.jobs.oslo.normal", left).await;
    worker.ack(held).await;
    worker.jobs.resume().await;
    for _ in 0..left {
        let next = worker.take(1).await;
        worker.ack(next).await;
    }
    broker.until_gone("budstikke.jobs.oslo.normal").await;
    worker.jobs.close().await;
}
