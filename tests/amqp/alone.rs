//! Tests that disturb the whole broker. They keep the other tests of this suite away by a lock; a
//! runner that shares the broker with other suites must run `alone::` by itself.

use budstikke::ports::event_sink::EventSink;
use budstikke::ports::job_source::JobSource;

use crate::support::{Broker, Share, Worker, agency_id, by, ctl, event, publish, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn while_the_broker_is_short_of_memory_events_wait_and_jobs_are_acknowledged() {
    let mut broker = Broker::with("alarm", Share::No);
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    publish(&agency, "oslo.normal", "{}", by(&user))
        .await
        .unwrap();
    let message = worker.take_one().await;

    ctl("set_vm_memory_high_watermark 0.00001");
    let oslo = agency_id("oslo");
    let calm = Calm;
    let deadline = tokio::time::Instant::now() + crate::support::LIMIT;
    // The broker says that it is blocked when it gets something to take.
    let mut confirmed = 1;
    while worker.events.is_ready() {
        assert!(tokio::time::Instant::now() < deadline, "never blocked");
        confirmed = worker.publish(&oslo, &[event(1)]).await;
    }
    assert_eq!(confirmed, 0);
    assert_eq!(worker.publish(&oslo, &[event(1)]).await, 0);
    worker.ack(vec![message]).await;
    assert!(worker.jobs.is_ready());
    worker.jobs.close().await;
    broker.until_depth("budstikke.jobs.oslo.normal", 0).await;

    drop(calm);
    until("the sink is ready again", || worker.events.is_ready()).await;
    assert_eq!(worker.publish(&oslo, &[event(1)]).await, 1);
}

/// Puts the watermark back, whatever became of the test.
struct Calm;

impl Drop for Calm {
    fn drop(&mut self) {
        ctl("set_vm_memory_high_watermark 0.4");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_broker_that_is_restarted_loses_nothing_that_it_confirmed() {
    let mut broker = Broker::with("restart", Share::No);
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let agency = broker.channel(&broker.url_of(&user)).await;
    for n in 0..3 {
        publish(&agency, "oslo.normal", &n.to_string(), by(&user))
            .await
            .unwrap();
    }
    let in_hand = worker.take(3).await;
    ctl("stop_app");
    until("the stop is noticed", || {
        !worker.jobs.is_ready() && !worker.events.is_ready()
    })
    .await;
    ctl("start_app");
    worker.until_ready().await;
    worker.ack(in_hand).await;
    let again = worker.take(3).await;
    worker.ack(again).await;
    assert_eq!(worker.publish(&agency_id("oslo"), &[event(1)]).await, 1);
    worker.jobs.close().await;
    broker.until_depth("budstikke.jobs.oslo.normal", 0).await;
}
