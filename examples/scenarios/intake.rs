//! Intake alone: a worker with no other role stores what waits in the queue.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::broker::{Broker, JOBS};
use crate::catalog::Figures;
use crate::database::Database;
use crate::drain::{Drain, declare, fill, servers};
use crate::rig::{Rig, Site};
use crate::sinks::Sinks;
use crate::usage::{Usage, WORKER};
use crate::worker::Worker;

const LIMIT: Duration = Duration::from_secs(300);

/// Jobs that wait one behind the other, so many of so many recipients each. The rate is that of their
/// recipients.
pub(crate) async fn run(rig: &Rig, piles: &[(u32, u32)]) -> anyhow::Result<Figures> {
    let sinks = Sinks::cheap(rig).await?;
    let mut database = Database::fresh(rig).await?;
    let broker = Broker::connect(rig).await?;
    broker.clear().await?;
    let site = Site {
        database: database.url.clone(),
        amqp: Some(rig.amqp.clone()),
        events: Drain::W1.events,
        sms: sinks.sms.clone(),
        smtp: sinks.smtp.clone(),
        concurrency: 4,
        connections: 4,
    };
    declare(rig, &site).await?;
    for (jobs, recipients) in piles {
        fill(rig, *jobs, *recipients).await?;
    }
    let jobs: u32 = piles.iter().map(|(jobs, _)| jobs).sum();
    database.settle().await?;
    let mut usage = Usage::start(servers(rig, &sinks)?);
    let mut worker = Worker::start(rig, &site, "intake", "intake")?;
    usage.add(WORKER, worker.pid);
    let started = Instant::now();
    while broker.depth(JOBS).await? >= jobs {
        worker.is_alive()?;
        ensure!(started.elapsed() < LIMIT, "no job is taken");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let first = Instant::now();
    let mut looked = Instant::now();
    while database.jobs().await? < i64::from(jobs) {
        worker.is_alive()?;
        if looked.elapsed() > Duration::from_millis(200) {
            looked = Instant::now();
            usage.look();
        }
        ensure!(started.elapsed() < LIMIT, "not all jobs are stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = first.elapsed().as_secs_f64();
    usage.look();
    worker.stop().await?;
    broker.close().await?;
    let mut figures = Figures::default();
    let stored = piles
        .iter()
        .map(|(jobs, recipients)| f64::from(*jobs) * f64::from(*recipients))
        .sum();
    figures.put("rate", stored / seconds);
    figures.shares(&usage, stored);
    Ok(figures)
}
