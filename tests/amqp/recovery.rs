//! Disturbances.

use budstikke::ports::event_sink::EventSink;
use budstikke::ports::job_source::{JobSource, SourceError};
use lapin::uri::AMQPUri;

use crate::support::{Broker, LIMIT, QUIET, Worker, agency_id, by, event, publish, until};
use crate::wire::Wire;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn what_was_not_acknowledged_comes_again_after_the_connection_is_cut() {
    let mut broker = Broker::new("cut");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    for n in 0..4 {
        publish(&agency, "oslo.normal", &n.to_string(), by(&user))
            .await
            .unwrap();
    }
    let mut in_hand = worker.take(4).await;
    worker.ack(in_hand.drain(..1).collect()).await;
    broker.close_all_connections();

    let again = worker.take(3).await;
    let bodies: Vec<_> = again.iter().map(|m| m.body.clone()).collect();
    assert_eq!(bodies, ["1", "2", "3"]);
    // The handles of the old connection settle nothing, and do not break the new one.
    worker.ack(in_hand).await;
    worker.ack(again).await;
    worker.until_ready().await;
    assert_eq!(worker.publish(&agency_id("oslo"), &[event(1)]).await, 1);
    worker.jobs.close().await;
    broker.until_depth("budstikke.jobs.oslo.normal", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_deleted_queue_is_declared_again_and_consumed() {
    let mut broker = Broker::new("deleted");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let admin = broker.channel(&broker.url()).await;
    let queue = "budstikke.jobs.oslo.normal";
    admin
        .queue_delete(queue.into(), lapin::options::QueueDeleteOptions::default())
        .await
        .unwrap();
    let agency = broker.channel(&broker.url_of(&user)).await;
    let deadline = tokio::time::Instant::now() + LIMIT;
    // Unroutable until the queue is there again.
    while publish(&agency, "oslo.normal", "{}", by(&user))
        .await
        .unwrap()
        .take_message()
        .is_some()
    {
        assert!(
            tokio::time::Instant::now() < deadline,
            "never declared again"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    worker.take_one().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_wrong_password_is_an_error_and_not_a_loop() {
    let mut broker = Broker::new("password");
    let user = broker.user("oslo");
    let mut uri: AMQPUri = broker.url_of(&user).parse().unwrap();
    "wrong-word".clone_into(&mut uri.authority.userinfo.password);
    let worker = Worker::start(&uri.to_string(), broker.topology(&["oslo"]));
    let ended = tokio::time::timeout(LIMIT, worker.jobs.next(1)).await;
    let SourceError::Refused { reason, .. } = ended.unwrap().unwrap_err();
    assert!(
        reason.contains(&user) && reason.contains("password"),
        "{reason}"
    );
    assert!(!reason.contains("wrong-word"), "{reason}");
    assert!(worker.publisher.ready(LIMIT).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_broker_that_cannot_be_reached_is_waited_for_again_and_again() {
    let mut broker = Broker::new("wire");
    let user = broker.user("oslo");
    let wire = Wire::to(&broker.url()).await;
    let worker = Worker::start(&wire.url, broker.topology(&["oslo"]));
    assert!(worker.is_quiet().await);
    assert!(!worker.jobs.is_ready() && !worker.events.is_ready());
    let why = worker.publisher.ready(QUIET).await.unwrap_err().to_string();
    assert!(why.contains("cannot be reached"), "{why}");
    let oslo = agency_id("oslo");
    assert_eq!(worker.publish(&oslo, &[event(1)]).await, 0);

    for round in 0..3 {
        wire.mend();
        worker.until_ready().await;
        let agency = broker.channel(&broker.url_of(&user)).await;
        publish(&agency, "oslo.normal", &round.to_string(), by(&user))
            .await
            .unwrap();
        let message = worker.take_one().await;
        assert_eq!(message.body, round.to_string());
        worker.ack(vec![message]).await;
        broker.until_depth("budstikke.jobs.oslo.normal", 0).await;
        assert_eq!(worker.publish(&oslo, &[event(1)]).await, 1);
        wire.cut().await;
        until("the cut is noticed", || {
            !worker.jobs.is_ready() && !worker.events.is_ready()
        })
        .await;
    }
    // Nothing to stop on the other side: it ends all the same.
    worker.jobs.stop().await;
    assert_eq!(worker.jobs.next(1).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_connection_that_goes_silent_is_noticed_and_replaced() {
    let mut broker = Broker::new("silent");
    let user = broker.user("oslo");
    let wire = Wire::to(&broker.url()).await;
    wire.mend();
    let worker = Worker::ready(&wire.url, broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    publish(&agency, "oslo.normal", "{}", by(&user))
        .await
        .unwrap();
    let message = worker.take_one().await;
    wire.silence();
    // Not confirmed, and not for ever either.
    let oslo = agency_id("oslo");
    assert_eq!(worker.publish(&oslo, &[event(1)]).await, 0);
    worker.ack(vec![message]).await;
    until("the heartbeat is missed", || {
        !worker.jobs.is_ready() && !worker.events.is_ready()
    })
    .await;
    wire.cut().await;
    wire.mend();
    worker.until_ready().await;
    assert_eq!(worker.publish(&oslo, &[event(1)]).await, 1);
    let again = worker.take_one().await;
    worker.ack(vec![again]).await;
}
