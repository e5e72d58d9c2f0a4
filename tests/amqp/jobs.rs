//! Jobs in.

use std::collections::BTreeSet;
use std::time::Duration;

use budstikke::adapters::amqp::AmqpClient;
use budstikke::adapters::amqp::client::{JobMessage, SubmitError};
use budstikke::domain::kinds::Lane;
use budstikke::ports::job_source::{Incoming, JobSource, MessageKind, SourceError};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::time::{Instant, timeout, timeout_at};

use crate::support::{Broker, LIMIT, QUIET, Worker, agency_id, by, publish, settings};

fn job(lane: Lane, body: &str) -> JobMessage {
    JobMessage {
        lane,
        message_id: Some("m-1".to_owned()),
        body: body.to_owned().into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_submitted_job_arrives_with_its_agency_and_lane_and_is_gone_once_acknowledged() {
    let mut broker = Broker::new("submit");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let mut confirmed = 0;
    client
        .submit(
            &[
                job(Lane::Normal, "{\"a\":1}"),
                job(Lane::Urgent, "{\"b\":2}"),
            ],
            |more| confirmed += more,
        )
        .await
        .unwrap();
    assert_eq!(confirmed, 2);

    let mut came = worker.take(2).await;
    came.sort_by_key(|message| message.lane);
    let seen: Vec<_> = came
        .iter()
        .map(|m| (m.sender.clone(), m.lane, m.kind, m.body.as_ref()))
        .collect();
    let oslo = Ok(agency_id("oslo"));
    assert_eq!(
        seen,
        [
            (
                oslo.clone(),
                Lane::Urgent,
                MessageKind::Job,
                b"{\"b\":2}".as_slice()
            ),
            (
                oslo,
                Lane::Normal,
                MessageKind::Job,
                b"{\"a\":1}".as_slice()
            ),
        ]
    );
    worker.ack(came).await;
    broker.until_gone("budstikke.jobs.oslo.urgent").await;
    broker.until_gone("budstikke.jobs.oslo.normal").await;
    worker.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn thousands_of_jobs_are_acknowledged_in_any_order() {
    let mut broker = Broker::new("many");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let jobs: Vec<_> = (0..3_000)
        .map(|n| {
            job(
                if n % 3 == 0 {
                    Lane::Urgent
                } else {
                    Lane::Normal
                },
                "{}",
            )
        })
        .collect();
    client.submit(&jobs, |_| {}).await.unwrap();
    let mut left = jobs.len();
    while left > 0 {
        let mut batch = worker.take(left.min(37)).await;
        left -= batch.len();
        batch.reverse();
        let rest = batch.split_off(batch.len() / 2);
        worker.ack(rest).await;
        for message in batch {
            message.handle.0.ack().await;
        }
    }
    broker.until_gone("budstikke.jobs.oslo.urgent").await;
    broker.until_gone("budstikke.jobs.oslo.normal").await;
    worker.jobs.close().await;
}

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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_job_of_an_agency_without_queues_is_an_error() {
    let mut broker = Broker::new("noqueue");
    let user = broker.user("bergen");
    let _worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let client = AmqpClient::connect(settings(&broker.url_of(&user)), agency_id("bergen"), LIMIT)
        .await
        .unwrap();
    let error = client
        .submit(&[job(Lane::Normal, "{}")], |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, SubmitError::NoQueue { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn cancel_and_opened_are_told_by_the_type() {
    let mut broker = Broker::new("types");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    for kind in ["cancel", "opened", "song"] {
        publish(
            &agency,
            "oslo.normal",
            "{}",
            by(&user).with_type(kind.into()),
        )
        .await
        .unwrap();
    }
    let came = worker.take(3).await;
    assert_eq!(came[0].kind, MessageKind::Cancel);
    assert_eq!(came[1].kind, MessageKind::Opened);
    let refusal = came[2].sender.clone().unwrap_err();
    assert_eq!(refusal.tell, Some(agency_id("oslo")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_paused_source_takes_nothing_until_it_is_resumed() {
    let mut broker = Broker::new("pause");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    worker.jobs.pause().await;
    publish(&agency, "oslo.normal", "{}", by(&user))
        .await
        .unwrap();
    assert!(worker.is_quiet().await);
    // It stays in the queue, for whoever can take it.
    broker.until_depth("budstikke.jobs.oslo.normal", 1).await;
    worker.jobs.resume().await;
    let message = worker.take_one().await;
    worker.ack(vec![message]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_stopped_source_gives_back_what_it_did_not_hand_out_and_still_acknowledges_the_rest() {
    let mut broker = Broker::new("stop");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    for _ in 0..5 {
        publish(&agency, "oslo.normal", "{}", by(&user))
            .await
            .unwrap();
    }
    let in_hand = worker.take(2).await;
    worker.jobs.stop().await;
    assert_eq!(worker.jobs.next(10).await.unwrap().len(), 0);
    broker.until_depth("budstikke.jobs.oslo.normal", 3).await;
    worker.ack(in_hand).await;
    worker.jobs.close().await;
    broker.until_depth("budstikke.jobs.oslo.normal", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_message_given_back_comes_again() {
    let mut broker = Broker::new("giveback");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    publish(&agency, "oslo.urgent", "{\"x\":1}", by(&user))
        .await
        .unwrap();
    worker.take_one().await.handle.0.give_back().await;
    let again = worker.take_one().await;
    assert_eq!(again.body.as_ref(), b"{\"x\":1}");
    worker.ack(vec![again]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_queue_declared_otherwise_is_named_with_what_to_do() {
    let broker = Broker::new("mismatch");
    let admin = broker.channel(&broker.url()).await;
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    admin
        .queue_declare(
            "budstikke.jobs.oslo.normal".into(),
            options,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let worker = Worker::start(&broker.url(), broker.topology(&["oslo"]));
    let ended = tokio::time::timeout(Duration::from_secs(15), worker.jobs.next(1)).await;
    let SourceError::Refused { reason, .. } = ended.unwrap().unwrap_err();
    assert!(
        reason.contains("queue budstikke.jobs.oslo.normal"),
        "{reason}"
    );
    assert!(reason.contains("delete"), "{reason}");
    assert!(!worker.jobs.is_ready());
}
