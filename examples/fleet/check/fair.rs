//! Statement 5: a backlog of a million delays nobody else, equals get equal shares, weights count;
//! and statement 1 at a high rate, over the same backlog.

use std::sync::Arc;
use std::time::Duration;

use super::measure::{Point, jain, percentile, rate_row, utilisation};
use super::table::Row;
use crate::parts::backlog::copies;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jitter::Jitter;
use crate::parts::jobs;
use crate::parts::plan::Plan;
use crate::parts::say::note;
use crate::parts::steady::{seconds, steady_us};

const RATE: f64 = 300.0;
const HIGH: f64 = 1_000.0;
/// The agency with the million, and its equals.
const EQUALS: [&str; 5] = ["million", "to", "tre", "fire", "fem"];
/// Agencies of more weight.
const HEAVY: [(&str, u32); 2] = [("dobbel", 2), ("firedobbel", 4)];
/// The one that is not to be delayed.
const QUIET: &str = "klinikk";
const WATCH: Duration = Duration::from_secs(62);
const WATCH_HIGH: Duration = Duration::from_secs(15);
/// In place of a time that never came: an hour.
const NEVER: i64 = 3_600_000_000;
/// How often the quiet one sends, once in each lane.
const BEAT: Duration = Duration::from_millis(400);

/// Plays the scenario.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let mut plan = Plan::new("fair")
        .agencies(&EQUALS)
        .agency(QUIET, 1, "urgent_per_hour = 100000")
        .gateway("primary", RATE, "");
    for (agency, weight) in HEAVY {
        plan = plan.agency(agency, weight, "");
    }
    let mut fleet = Fleet::start(env, plan, 2).await?;
    let waiting = backlog(&fleet).await?;
    note(format!("  {waiting} notifications wait"));
    fleet.grow(1).await?;
    fleet.command(&["resume", "--all"]).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let from = steady_us();
    let waits = beat(&fleet).await?;
    let mut rows = judge(&fleet, from, steady_us());
    rows.insert(
        0,
        Row::told(
            "backlog while it is measured",
            format!("{waiting} notifications"),
        ),
    );
    rows.extend(delays(&fleet, &waits));
    rows.extend(high(&mut fleet).await?);
    Ok(rows)
}

/// Enqueues while nothing may leave; how much waits then.
async fn backlog(fleet: &Fleet) -> anyhow::Result<i64> {
    fleet.command(&["stop", "--all"]).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let heavy = HEAVY.map(|(agency, weight)| (agency, weight as usize));
    let weights = EQUALS.map(|agency| (agency, 1)).into_iter().chain(heavy);
    for (index, (agency, weight)) in weights.enumerate() {
        let api = fleet.api(agency).await?;
        let first = index * 1_000;
        let job = jobs::sms(&format!("{agency}-stor"), "normal", first, 1_000, false);
        let count = if index == 0 { 999 } else { 4 * weight };
        copies(fleet, &api, &job, count).await?;
    }
    let mut sql = fleet.sql().await?;
    Ok(
        sqlx::query_scalar("SELECT count(*) FROM delivery WHERE state <> 1")
            .fetch_one(&mut sql)
            .await?,
    )
}

/// The quiet agency sends one message in each lane at each beat; when each was asked for.
async fn beat(fleet: &Fleet) -> anyhow::Result<Vec<(String, i64)>> {
    let api = fleet.api(QUIET).await?;
    let end = tokio::time::Instant::now() + WATCH;
    let mut asked = Vec::new();
    let mut ticks = tokio::time::interval(BEAT);
    while tokio::time::Instant::now() < end {
        ticks.tick().await;
        for lane in ["urgent", "normal"] {
            let name = format!("{lane}-{}", asked.len());
            let job = jobs::sms(&name, lane, 100_000 + asked.len(), 1, false);
            asked.push((name, steady_us()));
            api.submit(&job).await?;
        }
    }
    // The last ones have their bound, too.
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(asked)
}

fn delays(fleet: &Fleet, asked: &[(String, i64)]) -> Vec<Row> {
    let arrivals = fleet.oracle.sms();
    let seen: std::collections::HashMap<&str, i64> = arrivals
        .iter()
        .filter(|a| &*a.agency == QUIET)
        .filter_map(|a| Some((a.text.split(' ').next()?, a.at_us)))
        .collect();
    let mut rows = Vec::new();
    for (lane, bound) in [("urgent", 1_000_000), ("normal", 5_000_000)] {
        let of = asked.iter().filter(|(name, _)| name.starts_with(lane));
        let waits: Vec<i64> = of
            .map(|(name, at)| seen.get(name.as_str()).map_or(NEVER, |to| to - at))
            .collect();
        let (half, most) = (percentile(&waits, 0.5), percentile(&waits, 0.99));
        rows.push(Row::new(
            format!("another agency's {lane}, call to wire"),
            format!("p99 ≤ {:.0} s", seconds(bound)),
            format!(
                "p50 {:.3} s, p99 {:.3} s of {}",
                seconds(half),
                seconds(most),
                waits.len()
            ),
            most <= bound,
        ));
    }
    rows
}

fn judge(fleet: &Fleet, from: i64, until: i64) -> Vec<Row> {
    let until = until.min(from + 60_000_000);
    let arrivals = fleet.oracle.sms();
    let inside = || arrivals.iter().filter(|a| (from..until).contains(&a.at_us));
    let parts = |agency: &str| {
        let own = inside().filter(|a| &*a.agency == agency);
        own.map(|a| f64::from(a.parts)).sum::<f64>()
    };
    let equals = EQUALS.map(parts);
    let index = jain(&equals);
    let one = equals.iter().sum::<f64>() / equals.len() as f64;
    let mut rows = vec![Row::new(
        format!(
            "Jain's index over {} equals in {:.0} s",
            EQUALS.len(),
            seconds(until - from)
        ),
        "≥ 0.95",
        format!("{index:.4} ({equals:?} parts)"),
        index >= 0.95,
    )];
    for (agency, weight) in HEAVY {
        let share = parts(agency) / one.max(1.0);
        rows.push(Row::new(
            format!("share of an agency of weight {weight}"),
            format!("{weight} ± 10 %"),
            format!("{share:.2}"),
            (share / f64::from(weight) - 1.0).abs() <= 0.10,
        ));
    }
    rows
}

/// The same backlog at a high rate, with other workers.
async fn high(fleet: &mut Fleet) -> anyhow::Result<Vec<Row>> {
    while !fleet.workers.is_empty() {
        fleet.stop(0).await?;
    }
    fleet.configure(&format!(
        "[[sms_gateway]]\nname = \"primary\"\nrate = {HIGH:?}\n"
    ))?;
    let place = fleet.oracle.count();
    let jitter = Jitter::watch();
    fleet.grow(3).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let from = steady_us();
    tokio::time::sleep(WATCH_HIGH).await;
    let until = steady_us();
    let arrivals = fleet.oracle.sms_from(place);
    let points: Vec<Point> = arrivals.iter().map(|a| (a.at_us, a.parts)).collect();
    let used = utilisation(&points, HIGH, from, until);
    let wire: Vec<Point> = fleet
        .starts()
        .iter()
        .filter(|start| start.at_us >= from)
        .map(|start| (start.at_us, start.parts))
        .collect();
    let mut rows = vec![rate_row(
        "primary 1000/s, 3 workers: at the gateway",
        &points,
        HIGH,
        1,
        &[1.0, 10.0],
        jitter.worst_s(),
    )];
    if !wire.is_empty() {
        let statement = "primary 1000/s, 3 workers: at the point of no return";
        rows.push(rate_row(statement, &wire, HIGH, 1, &[0.1, 1.0, 10.0], 0.0));
    }
    let text = format!("{:.1} % ({:.0}/s)", used * 100.0, used * HIGH);
    // An unoptimised build on a busy machine may not be able to.
    rows.push(if cfg!(debug_assertions) {
        Row::told("primary 1000/s is used (unoptimised build)", text)
    } else {
        Row::new("primary 1000/s is used", "≥ 93 %", text, used >= 0.93)
    });
    Ok(rows)
}
