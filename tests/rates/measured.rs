//! How much of the rate is used, over rates, latencies and numbers of workers.

use std::sync::Arc;
use std::time::Duration;

use budstikke::pipeline::deps::Routes;

use crate::bound::{Log, assert_bound, used};
use crate::fleet::{Fleet, Paced, route, until};

/// Lets `workers` send at `rate` through a gateway that answers after `latency`; answers the share
/// of the rate that was used.
async fn measure(log: &Log, workers: usize, rate: f64, latency: Duration, count: u32) -> f64 {
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
    // Without the first moments, in which the workers wake.
    used(&passed[passed.len() / 5..], rate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_keep_the_rate_of_one_gateway_and_use_it() {
    let log = Log::listen();
    let used = measure(&log, 2, 100.0, Duration::from_millis(20), 300).await;
    assert!(used > 0.7, "only {used:.3} of the rate");
}
