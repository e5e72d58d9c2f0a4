//! From a filled queue until every event is published.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use budstikke::cli::context::note;
use serde_json::Value;

use crate::broker::{Broker, EVENTS, JOBS};
use crate::catalog::Figures;
use crate::database::Database;
use crate::rig::{Rig, Setup, Site};
use crate::sinks::Sinks;
use crate::usage::{Usage, WORKER};
use crate::worker::Worker;

/// The longest that a drain may take.
const LIMIT: Duration = Duration::from_secs(600);
/// How often it is asked how far the events are; asking takes the database's time.
const LOOK: Duration = Duration::from_millis(20);
/// The events queue is emptied when it is longer, since it is bounded.
const MANY_EVENTS: u32 = 40_000;

/// What is drained, and with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    pub(crate) jobs: u32,
    pub(crate) recipients: u32,
    /// `agency.events`, as TOML.
    pub(crate) events: &'static str,
    /// Events of each job besides those of its notifications.
    pub(crate) job_events: u32,
    pub(crate) workers: u32,
    /// How long gateway and relay take to answer; zero: the cheapest sinks.
    pub(crate) latency: Duration,
    pub(crate) concurrency: u32,
    pub(crate) connections: u32,
}

impl Drain {
    /// Jobs of one recipient, one worker, cheap sinks, no events about jobs.
    pub(crate) const W1: Self = Self {
        jobs: 20_000,
        recipients: 1,
        events: "[\"notification.*\"]",
        job_events: 0,
        workers: 1,
        latency: Duration::ZERO,
        concurrency: 64,
        connections: 16,
    };

    pub(crate) const fn notifications(&self) -> u64 {
        self.jobs as u64 * self.recipients as u64
    }

    fn site(&self, rig: &Rig, database: &Database, sinks: &Sinks) -> Site {
        Site {
            database: database.url.clone(),
            amqp: Some(rig.amqp.clone()),
            events: self.events,
            sms: sinks.sms.clone(),
            smtp: sinks.smtp.clone(),
            concurrency: self.concurrency,
            connections: self.connections,
        }
    }

    /// Runs it.
    pub(crate) async fn run(&self, rig: &Rig) -> anyhow::Result<Figures> {
        let sinks = self.sinks(rig).await?;
        let mut database = Database::fresh(rig).await?;
        let broker = Broker::connect(rig).await?;
        broker.clear().await?;
        let site = self.site(rig, &database, &sinks);
        declare(rig, &site).await?;
        fill(rig, self.jobs, self.recipients).await?;
        let figures = self
            .measure(rig, &site, &sinks, &mut database, &broker)
            .await?;
        broker.close().await?;
        Ok(figures)
    }

    async fn sinks(&self, rig: &Rig) -> anyhow::Result<Sinks> {
        if self.latency.is_zero() {
            Sinks::cheap(rig).await
        } else {
            Sinks::slow(rig, self.latency).await
        }
    }

    async fn measure(
        &self,
        rig: &Rig,
        site: &Site,
        sinks: &Sinks,
        database: &mut Database,
        broker: &Broker,
    ) -> anyhow::Result<Figures> {
        database.settle().await?;
        let filled = broker.depth(JOBS).await?;
        ensure!(
            filled == self.jobs,
            "{filled} jobs wait instead of {}",
            self.jobs
        );
        let before = database.counts().await?;
        let mut usage = Usage::start(servers(rig, sinks)?);
        let mut workers = Vec::new();
        for number in 0..self.workers {
            let worker = Worker::start(rig, site, &format!("worker{number}"), "all")?;
            usage.add(WORKER, worker.pid);
            workers.push(worker);
        }
        let started = Instant::now();
        while broker.depth(JOBS).await? >= filled {
            for worker in &mut workers {
                worker.is_alive()?;
            }
            ensure!(started.elapsed() < LIMIT, "no job is taken");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let first = Instant::now();
        let wanted = self.notifications() + u64::from(self.jobs) * u64::from(self.job_events);
        // The middle, where every worker has enough to do.
        let (from, upto) = (wanted / 10, wanted * 7 / 10);
        let from = until_published(from, database, broker, &mut usage, &mut workers).await?;
        let middle = Instant::now();
        let upto = until_published(upto, database, broker, &mut usage, &mut workers).await?;
        let middle = middle.elapsed().as_secs_f64();
        until_published(wanted, database, broker, &mut usage, &mut workers).await?;
        let seconds = first.elapsed().as_secs_f64();
        usage.look();
        let after = database.counts().await?;
        for worker in workers {
            worker.stop().await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let (count, events, commits) = (
            self.notifications() as f64,
            (upto - from) as f64,
            (after.commits - before.commits) as f64,
        );
        let each = 1.0 + f64::from(self.job_events) / f64::from(self.recipients);
        let mut figures = Figures::default();
        figures.put("rate", count / seconds);
        figures.put("middle", events / each / middle);
        if rig.statements {
            note(database.top().await?);
        }
        figures.shares(&usage, count);
        figures.put("commits", commits / count);
        if let (Some(after), Some(before)) = (after.statements, before.statements) {
            #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
            figures.put("statements", (after - before) as f64 / count);
        }
        Ok(figures)
    }
}

/// Waits until so many events are confirmed, and gives how many there are then; keeps the events
/// queue from being full.
pub(crate) async fn until_published(
    wanted: u64,
    database: &mut Database,
    broker: &Broker,
    usage: &mut Usage,
    workers: &mut [Worker],
) -> anyhow::Result<u64> {
    let started = Instant::now();
    let mut looked = Instant::now();
    loop {
        let published = u64::try_from(database.published().await?)?;
        if published >= wanted {
            return Ok(published);
        }
        ensure!(
            started.elapsed() < LIMIT,
            "only {published} of {wanted} events were published within {} s",
            LIMIT.as_secs()
        );
        if looked.elapsed() > Duration::from_millis(500) {
            looked = Instant::now();
            usage.look();
            for worker in workers.iter_mut() {
                worker.is_alive()?;
            }
            if broker.depth(EVENTS).await? > MANY_EVENTS {
                broker.purge(EVENTS).await?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The private servers and sinks, by name.
pub(crate) fn servers(rig: &Rig, sinks: &Sinks) -> anyhow::Result<Vec<(String, u32)>> {
    let mut pids: Vec<(String, u32)> = sinks
        .pids
        .iter()
        .map(|(name, pid)| ((*name).to_owned(), *pid))
        .collect();
    pids.push(("PostgreSQL".to_owned(), rig.server_pid("postgres")?));
    pids.push(("RabbitMQ".to_owned(), rig.server_pid("rabbitmq")?));
    Ok(pids)
}

/// Lets a worker declare its queues, so that they can be filled before the one that is measured.
pub(crate) async fn declare(rig: &Rig, site: &Site) -> anyhow::Result<()> {
    let mut worker = Worker::start(rig, site, "declaring", "api,publish")?;
    worker.ready().await?;
    worker.stop().await
}

/// Fills the queue with `budstikke bench`.
pub(crate) async fn fill(rig: &Rig, jobs: u32, recipients: u32) -> anyhow::Result<()> {
    let (jobs, recipients) = (jobs.to_string(), recipients.to_string());
    let args = [
        "bench",
        "--amqp",
        &rig.agency_amqp,
        "--jobs",
        &jobs,
        "--recipients",
        &recipients,
        "--until",
        "published",
        "--sandboxed",
        "--json",
    ];
    let output = rig.call(&args, &Setup::default()).await?;
    let report: Value = serde_json::from_str(&output)?;
    ensure!(
        report["complete"] == true,
        "the queue could not be filled: {report}"
    );
    Ok(())
}

/// One worker's rate and four's, with a gateway so slow that the worker's concurrency is the limit.
pub(crate) async fn fleet(rig: &Rig) -> anyhow::Result<Figures> {
    let one = Drain {
        jobs: if rig.quick { 1_500 } else { 3_000 },
        latency: Duration::from_millis(50),
        concurrency: 4,
        connections: 4,
        ..Drain::W1
    };
    let four = Drain {
        jobs: one.jobs * 4,
        workers: 4,
        ..one
    };
    let (one, four) = (one.run(rig).await?, four.run(rig).await?);
    let of = |figures: &Figures, key: &str| {
        let found = figures.get(key);
        found.ok_or_else(|| anyhow!("a drain without {key}"))
    };
    let mut figures = Figures::default();
    figures.put("one", of(&one, "middle")?);
    figures.put("four", of(&four, "middle")?);
    figures.put("scaling", of(&four, "middle")? / of(&one, "middle")?);
    figures.put("to_end", of(&four, "rate")? / of(&one, "rate")?);
    Ok(figures)
}

/// CPU time of each process per notification, in microseconds, and its share of all.
impl Figures {
    pub(crate) fn shares(&mut self, usage: &Usage, notifications: f64) {
        let used: BTreeMap<String, f64> = usage.used().0;
        for (name, seconds) in used {
            self.cpu.insert(name, seconds * 1e6 / notifications);
        }
        if let Some(worker) = self.cpu.get(WORKER).copied() {
            self.put("worker_us", worker);
        }
        if usage.peak > 0 {
            self.put(
                "memory",
                budstikke::cli::bench::processes::mebibytes(usage.peak),
            );
        }
    }
}
