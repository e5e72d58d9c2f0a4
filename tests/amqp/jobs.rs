//! Jobs in.

use std::time::Duration;

use budstikke::adapters::amqp::AmqpClient;
use budstikke::adapters::amqp::client::{JobMessage, SubmitError};
use budstikke::domain::kinds::Lane;
use budstikke::ports::job_source::{JobSource, MessageKind, SourceError};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::support::{Broker, LIMIT, Worker, agency_id, by, publish, settings};

/// A job as an agency's client publishes it.
pub(crate) fn job(lane: Lane, body: &str) -> JobMessage {
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
