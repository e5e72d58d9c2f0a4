//! Whether a full database is slower: a backlog and a history made by SQL.

use std::time::Instant;

use anyhow::anyhow;
use budstikke::cli::bench::make::Recipe;
use budstikke::cli::bench::options::Share;
use budstikke::cli::bench::processes::mebibytes;
use budstikke::cli::context::note;
use budstikke::domain::job::{ParseRules, parse};
use budstikke::domain::kinds::{Class, Lane};

use crate::broker::Broker;
use crate::catalog::Figures;
use crate::database::Database;
use crate::drain::{Drain, declare, servers, until_published};
use crate::report::median;
use crate::rig::{Rig, Site};
use crate::sinks::Sinks;
use crate::usage::{Usage, WORKER};
use crate::worker::Worker;

/// Recipients of each job in backlog and history.
const RECIPIENTS: u32 = 1_000;
/// Over so many days the history is spread.
const DAYS: i64 = 10;
/// How many notifications are timed.
const TIMED: u64 = 40_000;
/// Jobs of a small backlog: more than twice what is timed, so that no channel runs dry and the mix of SMS
/// and e-mail is that of the large one.
const SMALL: u32 = 120;
/// So many are published before the clock starts: a worker that has just started is another matter.
const WARM_UP: u64 = 10_000;

pub(crate) async fn run(rig: &Rig) -> anyhow::Result<Figures> {
    let (backlog, history, rounds) = if rig.quick {
        (100, 1_000, 1)
    } else {
        (1_000, 10_000, 5)
    };
    let sinks = Sinks::cheap(rig).await?;
    let mut small = Vec::new();
    for round in 0..rounds {
        small.push(Past::make(rig, &sinks, &format!("bench_small_{round}"), SMALL, 0).await?);
    }
    let mut large = Past::make(rig, &sinks, "bench_large", backlog, history).await?;
    // After a checkpoint the first change to a page of an index writes all of it to the log. That is
    // over when the pages of the present span of the index by gateways' references, which come in no
    // order, have all been touched: a seventieth of what a day brings is enough.
    let mut pages = u64::from(history) * u64::from(RECIPIENTS) / DAYS.unsigned_abs() / 70;
    // In turns: a machine may be half as fast again a minute later.
    let mut drained = Vec::new();
    for small in &mut small {
        let without = small.drain(rig, &sinks, WARM_UP).await?;
        let with = large.drain(rig, &sinks, WARM_UP.max(pages)).await?;
        pages = 0;
        note(format!(
            "round: {:.0} and {:.0} a second, database {:.0} and {:.0} µs",
            without.rate, with.rate, without.database_us, with.database_us
        ));
        drained.push((without, with));
    }
    // Not before: the server makes a checkpoint first.
    for past in small.into_iter().chain([large]) {
        past.remove(rig).await?;
    }
    let mut figures = Figures::default();
    let mut put = |key, of: fn(&(Drained, Drained)) -> f64| {
        if let Some(middle) = median(drained.iter().map(of).collect()) {
            figures.put(key, middle);
        }
    };
    put("small", |(without, _)| without.rate);
    put("large", |(_, with)| with.rate);
    put("kept", |(without, with)| with.rate / without.rate);
    put("small_us", |(without, _)| without.database_us);
    put("large_us", |(_, with)| with.database_us);
    let memory = drained.iter().map(|(_, with)| with.memory);
    figures.put("memory", memory.fold(0.0, f64::max));
    Ok(figures)
}

/// What a drain showed.
#[derive(Debug)]
struct Drained {
    /// Notifications a second.
    rate: f64,
    /// The database's CPU time for each, in microseconds.
    database_us: f64,
    /// The worker's at most, in MiB.
    memory: f64,
}

/// A database with so many jobs open and so many finished.
#[derive(Debug)]
struct Past {
    database: Database,
    site: Site,
}

impl Past {
    async fn make(
        rig: &Rig,
        sinks: &Sinks,
        name: &str,
        open: u32,
        finished: u32,
    ) -> anyhow::Result<Self> {
        let mut database = Database::named(rig, name).await?;
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
        make(&mut database, open, finished).await?;
        database.settle().await?;
        Ok(Self { database, site })
    }

    /// Publishes so many, then some more by the clock.
    async fn drain(&mut self, rig: &Rig, sinks: &Sinks, warm_up: u64) -> anyhow::Result<Drained> {
        let broker = Broker::connect(rig).await?;
        broker.clear().await?;
        let before = u64::try_from(self.database.published().await?)?;
        let mut worker = Worker::start(rig, &self.site, "history", "all")?;
        worker.ready().await?;
        let mut usage = Usage::start([(WORKER.to_owned(), worker.pid)]);
        let mut workers = vec![worker];
        let wanted = before + warm_up;
        let database = &mut self.database;
        let from = until_published(wanted, database, &broker, &mut usage, &mut workers).await?;
        let mut timed = Usage::start(servers(rig, sinks)?);
        let started = Instant::now();
        let wanted = from + TIMED;
        let upto = until_published(wanted, database, &broker, &mut usage, &mut workers).await?;
        let seconds = started.elapsed().as_secs_f64();
        timed.look();
        for worker in workers {
            worker.stop().await?;
        }
        broker.close().await?;
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let published = (upto - from) as f64;
        let database = timed.used().0.get("PostgreSQL").copied();
        Ok(Drained {
            rate: published / seconds,
            database_us: database.unwrap_or_default() * 1e6 / published,
            memory: mebibytes(usage.peak),
        })
    }

    async fn remove(self, rig: &Rig) -> anyhow::Result<()> {
        self.database.remove(rig).await
    }
}

/// Rows as intake and settling leave them: `finished` jobs, then `open` ones.
async fn make(database: &mut Database, open: u32, finished: u32) -> anyhow::Result<()> {
    let recipe = Recipe {
        run: "bench-past".to_owned(),
        recipients: 1,
        sms: Share::parse("50%").map_err(|error| anyhow!(error))?,
        parts: 1,
        lane: Lane::Normal,
    };
    let now = budstikke::app::build::clock().now();
    let rules = ParseRules {
        allow_synthetic: false,
        classes: Class::ALL,
        municipality: None,
        lane_of_queue: None,
        now,
    };
    let mut job = parse(&recipe.job(0).body, &rules)
        .map_err(|rejected| anyhow!("the made-up job is not valid: {:?}", rejected.problems))?;
    job.rules.distinct = true;
    let quoted = |value: String| value.replace('\'', "''");
    let rules = quoted(serde_json::to_string(&job.rules)?);
    let message = quoted(serde_json::to_string(&job.message)?);
    let jobs = open + finished;
    let now = now.0;
    let past = |job: &str| finished_at(job, finished, now);
    let statements = [
        format!(
            "INSERT INTO job (no, agency, name, content_hash, lane, rules, recipients, open, accepted_at, finished_at)
             SELECT j, 1, 'past-' || j, sha256(j::TEXT::BYTEA), {lane}, '{rules}', {RECIPIENTS},
                    CASE WHEN j > {finished} THEN {RECIPIENTS} ELSE 0 END, {at},
                    CASE WHEN j > {finished} THEN NULL ELSE {at} END
             FROM generate_series(1, {jobs}) j",
            lane = Lane::Normal.code(),
            at = past("j"),
        ),
        format!("SELECT setval('job_no', {jobs})"),
        chunks(jobs, &message),
        deliveries(jobs, finished, now),
        // A try is written in two steps, for which a page keeps room; here in one. What is left of the room
        // must not draw new tries to old pages, which real ones have no room for.
        "ALTER TABLE try SET (fillfactor = 90)".to_owned(),
        format!(
            "INSERT INTO try (delivery, slot, no, claim, gateway, intent_at, outcome, outcome_at, provider_ref, queue_id)
             SELECT id, 0, 0, 1, 'gateway', {at}, 1, {at}, CASE id & 1 WHEN 0 THEN md5(id::TEXT) END,
                    CASE id & 1 WHEN 1 THEN 'past-' || id END FROM delivery WHERE state NOT IN (4, 5)",
            at = past("(id >> 18)"),
        ),
        "ALTER TABLE try SET (fillfactor = 50)".to_owned(),
        format!(
            "INSERT INTO event (agency, sequence, kind, subject, at, data)
             SELECT 1, ROW_NUMBER() OVER (ORDER BY id), 4, 'past-' || (id >> 18), {at},
                    '{{\"job\":\"past\",\"ref\":\"1\",\"occasion\":0,\"channel\":\"sms\",\"status\":\"sent\"}}'
             FROM delivery WHERE state NOT IN (4, 5)",
            at = past("(id >> 18)"),
        ),
        "INSERT INTO stream (agency, last) SELECT 1, COUNT(*) FROM event
         ON CONFLICT (agency) DO UPDATE SET last = EXCLUDED.last"
            .to_owned(),
        "INSERT INTO publication (agency, published) SELECT 1, COUNT(*) FROM event
         ON CONFLICT (agency) DO UPDATE SET published = EXCLUDED.published"
            .to_owned(),
    ];
    for statement in statements {
        database.execute(statement).await?;
    }
    Ok(())
}

/// Chunks as large as intake makes them, every other a phone number.
fn chunks(jobs: u32, message: &str) -> String {
    let size = budstikke::ports::store::CHUNK_SIZE;
    let last = (RECIPIENTS / u32::from(size)).saturating_sub(1);
    format!(
        "INSERT INTO chunk (job, no, message, refs, persons, contents)
         SELECT j, c, CASE WHEN c = 0 THEN '{message}' END,
                (SELECT json_agg((c * {size} + p + 1)::TEXT ORDER BY p)::TEXT FROM generate_series(0, {size} - 1) p),
                (SELECT json_agg(NULL::TEXT ORDER BY p)::TEXT FROM generate_series(0, {size} - 1) p),
                (SELECT json_agg(CASE WHEN p % 2 = 0
                    THEN json_build_object('p', '+479' || lpad(((j * {RECIPIENTS} + c * {size} + p) % 10000000)::TEXT, 7, '0'),
                                           'v', json_build_object('nr', p, 'navn', 'Ola Prøve'))
                    ELSE json_build_object('e', 'prove' || (j * {RECIPIENTS} + c * {size} + p) || '@benk.example',
                                           'v', json_build_object('nr', p, 'navn', 'Ola Prøve'))
                    END ORDER BY p)::TEXT FROM generate_series(0, {size} - 1) p)
         FROM generate_series(1, {jobs}) j, generate_series(0, {last}) c"
    )
}

fn deliveries(jobs: u32, finished: u32, now: i64) -> String {
    format!(
        "INSERT INTO delivery (id, agency, lane, state, fixed, attempts, tries, version, chosen, due, changed_at)
         SELECT (j::BIGINT << 18) | (p << 4) | (p % 2), 1, 1,
                CASE WHEN j > {finished} THEN 4 ELSE 8 END, FALSE,
                CASE WHEN j > {finished} THEN 0 ELSE 1 END, CASE WHEN j > {finished} THEN 0 ELSE 1 END,
                CASE WHEN j > {finished} THEN 0 ELSE 1 END, j <= {finished}, {at}, {at}
         FROM generate_series(1, {jobs}) j, generate_series(0, {RECIPIENTS} - 1) p",
        at = finished_at("j", finished, now)
    )
}

/// When a job was accepted and finished: evenly over the days before; open ones now.
fn finished_at(job: &str, finished: u32, now: i64) -> String {
    let apart = DAYS * 24 * 60 * 60 * 1_000_000 / i64::from(finished.max(1));
    format!("{now} - GREATEST({finished} - {job}, 0) * {apart}::BIGINT")
}
