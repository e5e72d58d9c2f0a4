//! Gateways that are slow before the point of no return.

use std::sync::Arc;
use std::time::Duration;

use budstikke::pipeline::deps::Routes;

use crate::bound::{Log, assert_bound};
use crate::fleet::{Fleet, Paced, route, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_needs_longer_than_slots_reach_ahead_gets_everything_all_the_same() {
    let log = Log::listen();
    let gateway = || Paced {
        before: Duration::from_millis(700),
        after: Duration::from_millis(10),
        at_once: 64,
    };
    let fleet = Fleet::start(2, |_| Routes {
        sms: vec![route("slow", Arc::new(gateway()), 40.0, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, 120, "Brøyting i kveld").await;
    until("everything is sent", || log.passed("slow").len() >= 120).await;
    let passed = log.passed("slow");
    assert_eq!(passed.len(), 120);
    assert_bound(&passed, 40.0, 1.0);
    fleet.stop().await;
}
