//! Dead letters.

use budstikke::adapters::amqp::DeadLetters;
use budstikke::adapters::amqp::dead::ReplayError;
use lapin::BasicProperties;

use crate::support::{Broker, Worker, agency_id, by, publish, settings};

const QUEUE: &str = "budstikke.dead";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_dead_letter_keeps_its_reason_and_comes_back_as_its_senders() {
    let mut broker = Broker::new("dead");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    let properties = by(&user)
        .with_type("cancel".into())
        .with_message_id("m-7".into());
    publish(&agency, "oslo.urgent", r#"{"job":"a"}"#, properties)
        .await
        .unwrap();
    let message = worker.take_one().await;
    message.handle.0.dead_letter("because of the test").await;
    broker.until_depth(QUEUE, 1).await;

    let dead = DeadLetters::connect(settings(&broker.url())).await.unwrap();
    for _ in 0..25 {
        // Looking does not use a letter up (a broker from 4.0 on counts).
        assert_eq!(dead.list(10).await.unwrap().len(), 1);
    }
    let letter = dead.list(10).await.unwrap().pop().unwrap();
    assert_eq!(letter.reason, "because of the test");
    assert_eq!(letter.queue.as_deref(), Some("budstikke.jobs.oslo.urgent"));
    assert_eq!(letter.user.as_deref(), Some(user.as_str()));
    assert_eq!(letter.routing_key, "oslo.urgent");
    assert_eq!(letter.message_id.as_deref(), Some("m-7"));
    assert_eq!(letter.at.as_deref(), Some("2030-01-01T00:00:00.000Z"));
    let shown = dead.show(&letter.id).await.unwrap();
    assert_eq!(shown.body(), br#"{"job":"a"}"#);

    dead.replay(&letter.id).await.unwrap();
    let again = worker.take_one().await;
    assert_eq!(again.sender, Ok(agency_id("oslo")));
    assert_eq!(
        again.kind,
        budstikke::ports::job_source::MessageKind::Cancel
    );
    assert_eq!(again.body.as_ref(), br#"{"job":"a"}"#);
    worker.ack(vec![again]).await;
    broker.until_depth(QUEUE, 0).await;
    let gone = dead.replay(&letter.id).await.unwrap_err();
    assert!(matches!(gone, ReplayError::NotFound(_)), "{gone}");
    dead.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_dead_letter_of_an_unknown_sender_cannot_be_replayed_and_stays() {
    let mut broker = Broker::new("nosender");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    publish(&agency, "oslo.normal", "{}", BasicProperties::default())
        .await
        .unwrap();
    let message = worker.take_one().await;
    let reason = message.sender.clone().unwrap_err().reason;
    message.handle.0.dead_letter(&reason).await;
    broker.until_depth(QUEUE, 1).await;
    let dead = DeadLetters::connect(settings(&broker.url())).await.unwrap();
    let letter = dead.list(1).await.unwrap().pop().unwrap();
    let refused = dead.replay(&letter.id).await.unwrap_err();
    assert!(matches!(refused, ReplayError::NoUser(_)), "{refused}");
    dead.close().await;
    broker.until_depth(QUEUE, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_body_that_is_too_large_is_refused_and_not_kept() {
    let mut broker = Broker::new("large");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    let body = " ".repeat(8 * 1024 * 1024 + 1);
    publish(&agency, "oslo.normal", &body, by(&user))
        .await
        .unwrap();
    let message = worker.take_one().await;
    let refusal = message.sender.clone().unwrap_err();
    assert_eq!(refusal.tell, Some(agency_id("oslo")));
    message.handle.0.dead_letter(&refusal.reason).await;
    broker.until_depth(QUEUE, 1).await;
    let dead = DeadLetters::connect(settings(&broker.url())).await.unwrap();
    let letter = dead.list(1).await.unwrap().pop().unwrap();
    assert_eq!((letter.body_bytes, letter.body_kept), (body.len(), false));
    let refused = dead.replay(&letter.id).await.unwrap_err();
    assert!(matches!(refused, ReplayError::NoBody(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_message_that_comes_back_too_often_is_a_dead_letter_of_the_brokers() {
    let mut broker = Broker::new("poison");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    publish(&agency, "oslo.normal", "{}", by(&user))
        .await
        .unwrap();
    // The limit is 20; a broker from 4.3 on does not count what is given back, so the connection
    // is what breaks.
    for _ in 0..21 {
        let message = worker.take_one().await;
        drop(message);
        broker.close_all_connections();
    }
    broker.until_depth(QUEUE, 1).await;
    let dead = DeadLetters::connect(settings(&broker.url())).await.unwrap();
    let letter = dead.list(1).await.unwrap().pop().unwrap();
    assert_eq!(letter.reason, "delivery_limit");
    assert_eq!(letter.user.as_deref(), Some(user.as_str()));
    assert_eq!(letter.queue.as_deref(), Some("budstikke.jobs.oslo.normal"));
}
