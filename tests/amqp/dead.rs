//! Dead letters.

use budstikke::adapters::amqp::DeadLetters;
use budstikke::adapters::amqp::dead::ReplayError;
use budstikke::domain::status::Reason;
use budstikke::ports::job_source::JobSource;
use futures::FutureExt as _;
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicRejectOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::support::{Broker, QUIET, Worker, agency_id, by, publish, settings, until};
use crate::wire::Wire;

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
async fn nobody_waits_while_hundreds_of_dead_letters_are_handed_in() {
    let mut broker = Broker::new("buried");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    for _ in 0..300 {
        let text = by(&user).with_content_type("text/plain".into());
        publish(&agency, "oslo.normal", "{}", text).await.unwrap();
    }
    let mut taken = 0;
    while taken < 300 {
        for message in worker.jobs.next(500).await.unwrap() {
            let refusal = message.sender.clone().unwrap_err();
            // Whoever waits for the broker here is pending.
            let dead_letter = message.handle.0.dead_letter(&refusal.reason);
            assert_eq!(dead_letter.now_or_never(), Some(()));
            taken += 1;
        }
    }
    broker.until_depth(QUEUE, 300).await;
    worker.jobs.stop().await;
    assert!(worker.jobs.next(500).await.unwrap().is_empty());
    worker.jobs.close().await;
    broker.until_depth("budstikke.jobs.oslo.normal", 0).await;
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
    assert_eq!(refusal.code, Reason::Invalid);
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
async fn a_message_that_fails_too_often_dies_and_its_own_headers_are_not_believed() {
    let mut broker = Broker::new("poison");
    let (user, victim) = (broker.user("oslo"), broker.user_name("nav"));
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    worker.jobs.pause().await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    let mut headers = FieldTable::default();
    for name in ["budstikke-user", "budstikke-replayed-user"] {
        headers.insert(name.into(), AMQPValue::LongString(victim.as_str().into()));
    }
    publish(
        &agency,
        "oslo.normal",
        "{}",
        by(&user).with_headers(headers),
    )
    .await
    .unwrap();
    let admin = broker.channel(&broker.url()).await;
    let mut failures = 0;
    while let Some(message) = admin
        .basic_get(
            "budstikke.jobs.oslo.normal".into(),
            BasicGetOptions::default(),
        )
        .await
        .unwrap()
    {
        // What a crash is to every broker; from 4.3 on `nack` is none.
        let requeue = BasicRejectOptions { requeue: true };
        message.delivery.reject(requeue).await.unwrap();
        failures += 1;
        assert!(failures <= 21, "never dies");
    }
    broker.until_depth(QUEUE, 1).await;
    let dead = DeadLetters::connect(settings(&broker.url())).await.unwrap();
    let letter = dead.list(1).await.unwrap().pop().unwrap();
    assert_eq!(letter.reason, "delivery_limit");
    assert_eq!(letter.user.as_deref(), Some(user.as_str()));
    assert_eq!(letter.queue.as_deref(), Some("budstikke.jobs.oslo.normal"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn all_letters_are_replayed_once_and_one_that_dies_again_is_still_its_senders() {
    let mut broker = Broker::new("all");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    for n in 0..3 {
        publish(&agency, "oslo.normal", &n.to_string(), by(&user))
            .await
            .unwrap();
    }
    let dead = DeadLetters::connect(settings(&broker.url())).await.unwrap();
    for round in 0..2 {
        for message in worker.take(3).await {
            message
                .handle
                .0
                .dead_letter(&format!("round {round}"))
                .await;
        }
        broker.until_depth(QUEUE, 3).await;
        let letters = dead.list(10).await.unwrap();
        let users: Vec<_> = letters.iter().map(|l| l.user.as_deref()).collect();
        assert_eq!(users, [Some(user.as_str()); 3]);
        let told = dead.replay_all(100).await.unwrap();
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|(_, result)| result.is_ok()));
    }
    worker.take(3).await;
    broker.until_depth(QUEUE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_dead_letter_waits_for_the_publishing_connection_and_holds_nobody_up() {
    let mut broker = Broker::new("later");
    let user = broker.user("oslo");
    let wire = Wire::to(&broker.url()).await;
    let topology = broker.topology(&["oslo"]);
    let worker = Worker::publishing_by(&wire.url, &broker.url(), topology);
    until("the source is ready", || worker.jobs.is_ready()).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    publish(&agency, "oslo.normal", "{}", by(&user))
        .await
        .unwrap();
    let message = worker.take_one().await;
    let burying = message.handle.0.dead_letter("later");
    tokio::time::timeout(QUIET, burying).await.unwrap();
    broker.until_depth(QUEUE, 0).await;
    wire.mend();
    broker.until_depth(QUEUE, 1).await;
    // It is there before we are told so; only then its message is acknowledged.
    worker.jobs.stop().await;
    assert!(worker.jobs.next(1).await.unwrap().is_empty());
    worker.jobs.close().await;
    broker.until_depth("budstikke.jobs.oslo.normal", 0).await;
}
