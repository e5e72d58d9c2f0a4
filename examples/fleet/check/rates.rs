//! Statement 1: the rates of the whole fleet, with any number of workers, also while they come and
//! go; and they are used.

use std::sync::Arc;
use std::time::Duration;

use super::measure::{Point, rate_row, utilisation};
use super::silence;
use super::table::Row;
use crate::parts::env::Env;
use crate::parts::feed::Feed;
use crate::parts::fleet::Fleet;
use crate::parts::jitter::Jitter;
use crate::parts::jobs;
use crate::parts::load::Load;
use crate::parts::oracle::Arrival;
use crate::parts::plan::Plan;
use crate::parts::say::note;
use crate::parts::steady::steady_us;

const PARTS_PER_SECOND: f64 = 50.0;
const MAILS_PER_SECOND: f64 = 40.0;
/// The largest message.
const MOST_PARTS: u32 = 3;
const AGENCIES: [&str; 3] = ["oslo", "bergen", "tromso"];

/// How long a number of workers is watched.
const WATCH: Duration = Duration::from_secs(20);
/// How often one is killed and another started.
const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 9;

/// A stretch of time under one condition.
struct Phase {
    what: String,
    least: f64,
    from: i64,
    until: i64,
}

/// Plays the scenario.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let plan = Plan::new("rates")
        .agencies(&AGENCIES)
        .gateway("primary", PARTS_PER_SECOND, "")
        .relay("relay", MAILS_PER_SECOND, "")
        .with_broker();
    let mut fleet = Fleet::start(env, plan, 1).await?;
    let jitter = Jitter::watch();
    let feed = Feed::over_amqp(&fleet, AGENCIES[0])?;
    enqueue(&fleet).await?;
    let mut phases = Vec::new();
    for workers in [1_usize, 4, 8] {
        let missing = workers.saturating_sub(fleet.workers.len());
        fleet.grow(missing).await?;
        phases.push(watch(format!("{workers} workers"), WATCH).await);
    }
    phases.push(come_and_go(&mut fleet).await?);
    let mut rows = judge(&fleet, &phases, &feed, &jitter);
    rows.extend(silence::run(&mut fleet).await?);
    Ok(rows)
}

/// More than all phases can send; a half over the broker.
async fn enqueue(fleet: &Fleet) -> anyhow::Result<()> {
    for (index, agency) in AGENCIES.into_iter().enumerate() {
        let first = index * 100_000;
        let over_http = [
            jobs::sms("http-sms", "normal", first, 1_000, true),
            jobs::email("http-mail", "normal", first, 1_500),
        ];
        let over_amqp = [
            jobs::sms("amqp-sms", "normal", first + 10_000, 1_000, true),
            jobs::email("amqp-mail", "normal", first + 10_000, 1_500),
        ];
        let api = fleet.api(agency).await?;
        for job in &over_http {
            api.submit(job).await?;
        }
        Load::connect(fleet, agency)
            .await?
            .publish(&over_amqp)
            .await?;
    }
    Ok(())
}

async fn watch(what: String, time: Duration) -> Phase {
    // What a change of the fleet disturbs has passed.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let from = steady_us();
    tokio::time::sleep(time).await;
    note(format!("  {what}"));
    Phase {
        what,
        least: 0.93,
        from,
        until: steady_us(),
    }
}

/// Kills the oldest every few seconds and starts another, between three and five of them.
async fn come_and_go(fleet: &mut Fleet) -> anyhow::Result<Phase> {
    while fleet.workers.len() > 4 {
        fleet.stop(0).await?;
    }
    let from = steady_us();
    for _ in 0..ROUNDS {
        fleet.kill(0);
        tokio::time::sleep(ROUND / 2).await;
        let place = fleet.spawn("all")?;
        fleet.ready(place).await?;
        tokio::time::sleep(ROUND / 2).await;
    }
    note("  workers that come and go");
    Ok(Phase {
        what: "3 to 4 workers, one killed each 4 s".to_owned(),
        // A killed worker's slots, at most 250 ms of them, die with it.
        least: 0.90,
        from,
        until: steady_us(),
    })
}

fn judge(fleet: &Fleet, phases: &[Phase], feed: &Feed, jitter: &Jitter) -> Vec<Row> {
    let mut rows = Vec::new();
    let starts = fleet.starts();
    for (outlet, rate, most, arrivals) in [
        (
            "primary",
            PARTS_PER_SECOND,
            MOST_PARTS,
            points(&fleet.oracle.sms()),
        ),
        ("relay", MAILS_PER_SECOND, 1, points(&fleet.oracle.mail())),
    ] {
        let wire: Vec<Point> = starts
            .iter()
            .filter(|start| start.gateway == outlet)
            .map(|start| (start.at_us, start.parts))
            .collect();
        if wire.is_empty() {
            rows.push(Row::told(
                format!("{outlet} {rate}/s at the point of no return"),
                "the workers log no `budstikke::wire`; see the arrivals",
            ));
        } else {
            let statement = format!("{outlet} {rate}/s, 1 to 8 workers: at the point of no return");
            rows.push(rate_row(
                &statement,
                &wire,
                rate,
                most,
                &[0.1, 1.0, 10.0, 60.0],
                0.0,
            ));
        }
        let statement = format!("{outlet} {rate}/s, 1 to 8 workers: at the gateway");
        rows.push(rate_row(
            &statement,
            &arrivals,
            rate,
            most,
            &[1.0, 10.0, 60.0],
            jitter.worst_s(),
        ));
        for phase in phases {
            let used = utilisation(&arrivals, rate, phase.from, phase.until);
            rows.push(Row::new(
                format!("{outlet} {rate}/s is used, {}", phase.what),
                format!("≥ {:.0} %", phase.least * 100.0),
                format!("{:.1} %", used * 100.0),
                used >= phase.least,
            ));
        }
    }
    if let Some(relay) = fleet.oracle.relay(0) {
        let (most, peak) = (16 * 8, relay.connections().peak);
        rows.push(Row::new(
            "connections to the relay at once, 8 workers",
            format!("≤ {most}"),
            peak.to_string(),
            peak <= most,
        ));
    }
    let errors = fleet.errors();
    rows.push(Row::new(
        "lines of level error in the logs of all workers",
        "0",
        format!(
            "{}{}",
            errors.len(),
            errors.first().map_or(String::new(), |e| format!(": {e}"))
        ),
        errors.is_empty(),
    ));
    let gaps = feed.is_gap_free() && !feed.of_type("notification.sent").is_empty();
    rows.push(Row::new(
        "events of an agency over AMQP meanwhile",
        "no gap",
        format!("{} events", feed.events().len()),
        gaps,
    ));
    rows
}

fn points(arrivals: &[Arrival]) -> Vec<Point> {
    let all = arrivals.iter();
    all.map(|arrival| (arrival.at_us, arrival.parts)).collect()
}
