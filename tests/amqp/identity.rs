//! Attacks with an agency's log-in, under exactly the permissions that `budstikke broker` prints
//! (C-15).

use budstikke::adapters::amqp::AmqpClient;
use budstikke::adapters::amqp::client::{JobMessage, SubmitError};
use budstikke::adapters::amqp::permissions::BrokerSetup;
use budstikke::domain::kinds::Lane;
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable};

use crate::support::{Broker, LIMIT, Worker, agency_id, by, event, publish, settings};

struct Town {
    broker: Broker,
    worker: Worker,
    nav: String,
}

/// Oslo and NAV, with budstikke's own user restricted as printed, too.
async fn town(test: &str) -> Town {
    let mut broker = Broker::new(test);
    let own = broker.user_name("budstikke");
    let routes = [broker.route("oslo"), broker.route("nav")];
    for user in BrokerSetup::new(&broker.vhost, &own, &routes).users {
        broker.apply(&user.user, &user.commands);
    }
    let worker = Worker::ready(&broker.url_of(&own), broker.topology(&["oslo", "nav"])).await;
    Town {
        nav: routes[1].broker_user.clone(),
        worker,
        broker,
    }
}

fn with_header(properties: BasicProperties, name: &str, value: AMQPValue) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), value);
    properties.with_headers(headers)
}

fn keys(key: &str) -> AMQPValue {
    AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::LongString(key.into())]))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn an_agency_with_the_printed_permissions_submits_jobs_and_reads_its_events() {
    let town = town("allowed").await;
    let nav_settings = settings(&town.broker.url_of(&town.nav));
    let client = AmqpClient::connect(nav_settings, agency_id("nav"), LIMIT)
        .await
        .unwrap();
    let job = JobMessage {
        lane: Lane::Normal,
        message_id: None,
        body: "{}".into(),
    };
    client.submit(&[job], |_| {}).await.unwrap();
    let message = town.worker.take_one().await;
    assert_eq!(message.sender, Ok(agency_id("nav")));

    let published = town.worker.publish(&agency_id("nav"), &[event(1)]).await;
    assert_eq!(published, 1);
    let channel = town.broker.channel(&town.broker.url_of(&town.nav)).await;
    let got = channel
        .basic_get("budstikke.events.nav".into(), BasicGetOptions::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got.delivery.routing_key.as_str(), "nav.job.finished");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn the_broker_refuses_foreign_keys_users_and_queues() {
    let town = town("forbidden").await;
    let url = town.broker.url_of(&town.nav);

    let as_oslo = AmqpClient::connect(settings(&url), agency_id("oslo"), LIMIT)
        .await
        .unwrap();
    let job = JobMessage {
        lane: Lane::Normal,
        message_id: None,
        body: "{}".into(),
    };
    let error = as_oslo.submit(&[job], |_| {}).await.unwrap_err();
    assert!(matches!(error, SubmitError::Forbidden { .. }), "{error}");

    let oslo_user = town.broker.user_name("oslo");
    let channel = town.broker.channel(&url).await;
    let forged = publish(&channel, "nav.normal", "{}", by(&oslo_user)).await;
    assert!(forged.is_err(), "{forged:?}");

    for queue in [
        "budstikke.events.oslo",
        "budstikke.jobs.nav.normal",
        "budstikke.dead",
    ] {
        let channel = town.broker.channel(&url).await;
        let got = channel
            .basic_get(queue.into(), BasicGetOptions::default())
            .await;
        assert!(got.is_err(), "{queue}");
    }
    let channel = town.broker.channel(&url).await;
    let declared = channel
        .queue_declare(
            "mine".into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await;
    assert!(declared.is_err());
    assert!(town.worker.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_message_without_user_id_is_refused_and_nobody_is_told() {
    let town = town("nouser").await;
    let channel = town.broker.channel(&town.broker.url_of(&town.nav)).await;
    publish(&channel, "nav.normal", "{}", BasicProperties::default())
        .await
        .unwrap();
    let refusal = town.worker.take_one().await.sender.unwrap_err();
    assert_eq!(refusal.tell, None);
    assert!(refusal.reason.contains("user_id"), "{}", refusal.reason);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn copies_to_another_agency_by_cc_or_bcc_are_refused_and_the_sender_is_told() {
    let town = town("copies").await;
    let channel = town.broker.channel(&town.broker.url_of(&town.nav)).await;

    let properties = with_header(by(&town.nav), "CC", keys("oslo.urgent"));
    publish(&channel, "nav.normal", "{}", properties)
        .await
        .unwrap();
    for message in town.worker.take(2).await {
        let refusal = message.sender.unwrap_err();
        assert_eq!(refusal.tell, Some(agency_id("nav")), "{refusal:?}");
        message.handle.0.ack().await;
    }

    // The broker takes BCC away, so NAV's own copy is an honest one.
    let properties = with_header(by(&town.nav), "BCC", keys("oslo.urgent"));
    publish(&channel, "nav.normal", "{}", properties)
        .await
        .unwrap();
    for message in town.worker.take(2).await {
        match message.lane {
            Lane::Normal => assert_eq!(message.sender, Ok(agency_id("nav"))),
            Lane::Urgent => {
                let refusal = message.sender.unwrap_err();
                assert_eq!(refusal.tell, Some(agency_id("nav")), "{refusal:?}");
            }
            Lane::Bulk => panic!("no queue has this lane"),
        }
        message.handle.0.ack().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn an_agency_that_claims_a_replay_is_refused() {
    let town = town("replayclaim").await;
    let channel = town.broker.channel(&town.broker.url_of(&town.nav)).await;
    let oslo = AMQPValue::LongString(town.broker.user_name("oslo").into());
    let properties = with_header(by(&town.nav), "budstikke-replayed-user", oslo);
    publish(&channel, "nav.normal", "{}", properties)
        .await
        .unwrap();
    let refusal = town.worker.take_one().await.sender.unwrap_err();
    assert_eq!(refusal.tell, Some(agency_id("nav")));
    assert!(refusal.reason.contains("reserved"), "{}", refusal.reason);
}
