//! How much of the rate is used, over rates, latencies and numbers of workers.

use std::fmt::Write as _;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a quiet machine and two minutes"]
async fn nearly_all_of_every_rate_is_used() {
    let log = Log::listen();
    let (mut table, mut least) = (String::new(), f64::INFINITY);
    for workers in [1, 4] {
        for (rate, count) in [(5.0, 30), (50.0, 250), (500.0, 2_500), (2_000.0, 8_000)] {
            for millis in [5, 50, 300] {
                let latency = Duration::from_millis(millis);
                let used = measure(&log, workers, rate, latency, count).await;
                writeln!(
                    table,
                    "{workers} workers, {rate}/s, {millis} ms: {:.1} %",
                    used * 100.0
                )
                .unwrap();
                least = least.min(used);
            }
        }
    }
    assert!(least >= 0.93, "\n{table}");
}
