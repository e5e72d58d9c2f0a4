//! Intake alone: a worker with no other role stores what waits in the queue.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::broker::{Broker, JOBS};
use crate::catalog::Figures;
use crate::database::Database;
use crate::drain::{Drain, declare, fill, servers};
use crate::rig::{Rig, Site};
use crate::sinks::Sinks;
use crate::usage::Usage;
use crate::worker::Worker;

const LIMIT: Duration = Duration::from_secs(300);

pub(crate) async fn run(rig: &Rig) -> anyhow::Result<Figures> {
    let jobs: u32 = if rig.quick { 20_000 } else { 50_000 };
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
    fill(rig, jobs, 1).await?;
    database.settle().await?;
    let mut usage = Usage::start(servers(rig, &sinks)?);
    let mut worker = Worker::start(rig, &site, "intake", "intake")?;
    usage.add("worker", worker.pid);
    let started = Instant::now();
    while broker.depth(JOBS).await? >= jobs {
        worker.is_alive()?;
        ensure!(started.elapsed() < LIMIT, "no job is taken");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let first = Instant::now();
    while database.jobs().await? < i64::from(jobs) {
        worker.is_alive()?;
        ensure!(started.elapsed() < LIMIT, "not all jobs are stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = first.elapsed().as_secs_f64();
    usage.look();
    worker.stop().await?;
    broker.close().await?;
    let mut figures = Figures::default();
    figures.put("rate", f64::from(jobs) / seconds);
    figures.shares(&usage, f64::from(jobs));
    Ok(figures)
}
