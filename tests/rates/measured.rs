//! Rates, latencies and numbers of workers. How much of a rate is used depends on the machine, and is
//! measured by `scripts/fleet-check`.

use std::sync::Arc;
use std::time::Duration;

use budstikke::pipeline::deps::Routes;

use crate::bound::{Log, assert_bound};
use crate::fleet::{Fleet, Paced, route, until};

/// Lets `workers` send everything at `rate` through a gateway that answers after `latency`.
async fn measure(log: &Log, workers: usize, rate: f64, latency: Duration, count: u32) {
    let name = format!("g{workers}-{rate}-{}", latency.as_millis());
    let at_once = ((rate * latency.as_secs_f64() * 2.0) as usize).max(16);
    let gateway = || Paced {
        before: Duration::ZERO,
        after: latency,
        at_once,
    };
    let fleet = Fleet::start(workers, |_| Routes {
        sms: vec![route(&name, Arc::new(gateway()), rate, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, count, "Brøyting i kveld").await;
    let all = || log.passed(&name).len() >= count as usize;
    until("everything is sent", all).await;
    let passed = log.passed(&name);
    assert_eq!(passed.len(), count as usize, "{name}");
    assert_bound(&passed, rate, 1.0);
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_keep_the_rate_of_one_gateway() {
    let log = Log::listen();
    measure(&log, 2, 100.0, Duration::from_millis(20), 200).await;
}
