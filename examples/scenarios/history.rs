//! Whether a full database is slower: a backlog and a history made by SQL.

use std::time::Instant;

use anyhow::anyhow;
use budstikke::cli::bench::make::Recipe;
use budstikke::cli::bench::options::Share;
use budstikke::domain::job::{ParseRules, parse};
use budstikke::domain::kinds::{Class, Lane};

use crate::broker::Broker;
use crate::catalog::Figures;
use crate::database::Database;
use crate::drain::{Drain, declare, servers, until_published};
use crate::rig::{Rig, Site};
use crate::sinks::Sinks;
use crate::usage::{Usage, WORKER};
use crate::worker::Worker;

/// Recipients of each job in backlog and history.
const RECIPIENTS: u32 = 1_000;
/// How many notifications are timed.
const TIMED: u64 = 40_000;
/// Jobs of a small backlog: what is timed, and some.
const SMALL: u32 = 60;
/// So many are published before the clock starts: a worker that has just started is another matter.
const WARM_UP: u64 = 10_000;

pub(crate) async fn run(rig: &Rig) -> anyhow::Result<Figures> {
    let (backlog, history) = if rig.quick {
        (100, 1_000)
    } else {
        (1_000, 10_000)
    };
    let (small, _) = one(rig, SMALL, 0, WARM_UP).await?;
    // After a checkpoint the first change to a page of an index writes all of it to the log. That is
    // over when the pages of the index by provider's reference, which come in no order, have all been
    // touched: about as many as a seventieth of the history.
    let pages = u64::from(history) * u64::from(RECIPIENTS) / 70;
    let (large, memory) = one(rig, backlog, history, WARM_UP.max(pages)).await?;
    let mut figures = Figures::default();
    figures.put("small", small);
    figures.put("large", large);
    figures.put("kept", large / small);
    if let Some(memory) = memory {
        figures.put("memory", memory);
    }
    Ok(figures)
}

/// The rate with so many jobs open and so many finished, and the worker's memory in MiB.
async fn one(
    rig: &Rig,
    open: u32,
    finished: u32,
    warm_up: u64,
) -> anyhow::Result<(f64, Option<f64>)> {
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
        concurrency: 64,
        connections: 16,
    };
    declare(rig, &site).await?;
    make(&mut database, open, finished).await?;
    database.settle().await?;
    let mut usage = Usage::start(servers(rig, &sinks)?);
    let worker = Worker::start(rig, &site, "history", "all")?;
    usage.add(WORKER, worker.pid);
    let mut workers = vec![worker];
    let base = u64::from(finished) * u64::from(RECIPIENTS);
    let mut until = async |wanted| {
        until_published(wanted, &mut database, &broker, &mut usage, &mut workers).await
    };
    let from = until(base + warm_up).await?;
    let started = Instant::now();
    let upto = until(from + TIMED).await?;
    let seconds = started.elapsed().as_secs_f64();
    usage.look();
    for worker in workers {
        worker.stop().await?;
    }
    broker.close().await?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let rate = (upto - from) as f64 / seconds;
    let mut figures = Figures::default();
    figures.shares(&usage, 1.0);
    Ok((rate, figures.get("memory")))
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
    let statements = [
        format!(
            "INSERT INTO job (no, agency, name, content_hash, lane, rules, recipients, open, accepted_at, finished_at)
             SELECT j, 1, 'past-' || j, sha256(j::TEXT::BYTEA), {lane}, '{rules}', {RECIPIENTS},
                    CASE WHEN j > {finished} THEN {RECIPIENTS} ELSE 0 END, {now},
                    CASE WHEN j > {finished} THEN NULL ELSE {now} END
             FROM generate_series(1, {jobs}) j",
            lane = Lane::Normal.code()
        ),
        format!("SELECT setval('job_no', {jobs})"),
        chunks(jobs, &message),
        deliveries(jobs, finished, now),
        format!(
            "INSERT INTO try (delivery, slot, no, claim, gateway, intent_at, outcome, outcome_at, provider_ref, queue_id)
             SELECT id, 0, 0, 1, 'sink', {now}, 1, {now}, CASE id & 1 WHEN 0 THEN 'past-' || id END,
                    CASE id & 1 WHEN 1 THEN 'past-' || id END FROM delivery WHERE state NOT IN (4, 5)"
        ),
        format!(
            "INSERT INTO event (agency, sequence, kind, subject, at, data)
             SELECT 1, ROW_NUMBER() OVER (ORDER BY id), 4, 'past-' || (id >> 18), {now},
                    '{{\"job\":\"past\",\"ref\":\"1\",\"occasion\":0,\"channel\":\"sms\",\"status\":\"sent\"}}'
             FROM delivery WHERE state NOT IN (4, 5)"
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
                CASE WHEN j > {finished} THEN 0 ELSE 1 END, j <= {finished}, {now}, {now}
         FROM generate_series(1, {jobs}) j, generate_series(0, {RECIPIENTS} - 1) p"
    )
}
