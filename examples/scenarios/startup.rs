//! From starting the program to `/readyz` saying yes.

use std::time::Instant;

use crate::broker::Broker;
use crate::catalog::Figures;
use crate::database::Database;
use crate::drain::{Drain, declare};
use crate::rig::{Rig, Site};
use crate::sinks::Sinks;
use crate::worker::Worker;

pub(crate) async fn run(rig: &Rig) -> anyhow::Result<Figures> {
    let sinks = Sinks::cheap(rig).await?;
    let database = Database::fresh(rig).await?;
    let broker = Broker::connect(rig).await?;
    broker.clear().await?;
    let site = Site {
        database: database.url.clone(),
        amqp: Some(rig.amqp.clone()),
        events: Drain::W1.events,
        sms: sinks.sms.clone(),
        smtp: sinks.smtp.clone(),
        concurrency: 64,
        connections: 16,
    };
    declare(rig, &site).await?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        let mut worker = Worker::start(rig, &site, "startup", "all")?;
        worker.ready().await?;
        times.push(started.elapsed());
        worker.stop().await?;
    }
    broker.close().await?;
    times.sort();
    let mut figures = Figures::default();
    if let Some(median) = times.get(times.len() / 2) {
        figures.put("ready", median.as_secs_f64() * 1e3);
    }
    Ok(figures)
}
