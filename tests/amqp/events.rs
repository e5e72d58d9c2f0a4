//! Events out.

use budstikke::ports::event_sink::{EventSink, Window};
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueBindOptions};
use lapin::types::FieldTable;

use crate::support::{Broker, Worker, agency_id, event};

const QUEUE: &str = "budstikke.events.oslo";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn events_are_confirmed_in_order_as_persistent_cloudevents() {
    let broker = Broker::new("events");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let events: Vec<_> = (1..=2_500).map(event).collect();
    let confirmed = worker.publish(&agency_id("oslo"), &events).await;
    assert_eq!(confirmed, events.len());

    let channel = broker.channel(&broker.url()).await;
    for event in &events[..3] {
        let got = channel
            .basic_get(QUEUE.into(), BasicGetOptions { no_ack: true })
            .await
            .unwrap()
            .unwrap();
        let properties = &got.delivery.properties;
        let content_type = properties.content_type().as_ref().unwrap();
        assert_eq!(content_type.as_str(), "application/cloudevents+json");
        assert_eq!(*properties.delivery_mode(), Some(2));
        let id = format!("oslo-{}", event.sequence);
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), id);
        let body: serde_json::Value = serde_json::from_slice(&got.delivery.data).unwrap();
        assert_eq!(body["id"], id);
        assert_eq!(body["type"], "no.budstikke.job.finished");
        assert_eq!(got.delivery.routing_key.as_str(), "oslo.job.finished");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn an_event_that_no_queue_takes_stays_unconfirmed_until_one_does() {
    let broker = Broker::new("unroutable");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let channel = broker.channel(&broker.url()).await;
    let (queue, exchange, key) = (QUEUE.into(), "budstikke.events".into(), "oslo.#".into());
    channel
        .queue_unbind(queue, exchange, key, FieldTable::default())
        .await
        .unwrap();
    let oslo = agency_id("oslo");
    assert_eq!(worker.publish(&oslo, &[event(1), event(2)]).await, 0);
    let (queue, exchange, key) = (QUEUE.into(), "budstikke.events".into(), "oslo.#".into());
    channel
        .queue_bind(
            queue,
            exchange,
            key,
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    assert_eq!(worker.publish(&oslo, &[event(1), event(2)]).await, 2);
    assert_eq!(worker.publish(&agency_id("nav"), &[event(1)]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn what_comes_back_of_one_agency_is_never_taken_for_anothers() {
    let broker = Broker::new("stranger");
    let worker = Worker::ready(&broker.url(), broker.topology(&["nav", "oslo"])).await;
    let channel = broker.channel(&broker.url()).await;
    let (queue, exchange, key) = (QUEUE.into(), "budstikke.events".into(), "oslo.#".into());
    channel
        .queue_unbind(queue, exchange, key, FieldTable::default())
        .await
        .unwrap();
    let (nav, oslo) = (agency_id("nav"), agency_id("oslo"));
    let events: Vec<_> = (1..=300).map(event).collect();
    for _ in 0..20 {
        let together = [
            Window {
                agency: &nav,
                events: &events,
            },
            Window {
                agency: &oslo,
                events: &events,
            },
        ];
        assert_eq!(worker.events.publish(&together).await, [300, 0]);
        let (nav, oslo) = tokio::join!(
            worker.publish(&nav, &events),
            worker.publish(&oslo, &events[..100])
        );
        assert_eq!((nav, oslo), (300, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_full_events_queue_refuses_and_drops_nothing_that_it_had() {
    let broker = Broker::new("full");
    let topology = broker.topology(&["oslo"]).with_events_max_length(5);
    let worker = Worker::ready(&broker.url(), topology).await;
    let oslo = agency_id("oslo");
    // The bound is a soft one: what is under way when it is reached still gets in.
    let mut sequence = 0;
    loop {
        assert!(sequence < 100, "the queue never gets full");
        if worker.publish(&oslo, &[event(sequence + 1)]).await == 0 {
            break;
        }
        sequence += 1;
    }
    assert!(sequence >= 5, "refused after {sequence}");
    let channel = broker.channel(&broker.url()).await;
    for expected in 1..=sequence {
        let got = channel
            .basic_get(QUEUE.into(), BasicGetOptions::default())
            .await
            .unwrap()
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&got.delivery.data).unwrap();
        assert_eq!(body["sequence"], expected.to_string());
        got.delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
}
