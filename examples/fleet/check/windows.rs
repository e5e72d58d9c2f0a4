//! Statement 6: nothing before a window opens, no burst when it does, nothing after `expires`.

use std::sync::Arc;
use std::time::Duration;

use budstikke::adapters::clock::SystemClock;
use budstikke::domain::time::Timestamp;
use budstikke::ports::clock::Clock as _;
use serde_json::json;

use super::measure::{Point, rate_row, utilisation};
use super::table::Row;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jitter::Jitter;
use crate::parts::jobs;
use crate::parts::plan::Plan;
use crate::parts::steady::{micros, seconds, steady_us};

const RATE: f64 = 20.0;
/// At least so long before the opening everything is enqueued.
const LEAD: Duration = Duration::from_secs(12);
/// How long after the opening the second job expires.
const LIFE: Duration = Duration::from_secs(6);
/// How long the open window is watched.
const WATCH: Duration = Duration::from_secs(15);

/// The first full minute after `LEAD`, and its name on the clocks of Norway.
fn opening() -> (Timestamp, String) {
    const MINUTE: i64 = 60_000_000;
    let earliest = SystemClock.now().plus(LEAD).0;
    let at = Timestamp((earliest / MINUTE + 1) * MINUTE);
    let local = at
        .to_jiff()
        .in_tz("Europe/Oslo")
        .map(|zoned| zoned.strftime("%H:%M").to_string());
    (at, local.unwrap_or_default())
}

/// Plays the scenario.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let (opens, local) = opening();
    // What the steady clock shows when the wall clock shows the opening.
    let opening = steady_us() + (opens.0 - SystemClock.now().0);
    let window = format!(
        "[agency.window]\nfrom = \"{local}\"\nuntil = \"00:00\"\nworking_days_only = false"
    );
    let plan = Plan::new("windows")
        .agency("dagtid", 1, &window)
        .agency("frist", 1, &window)
        .agency("senere", 1, "")
        .gateway("primary", RATE, "");
    let fleet = Fleet::start(env, plan, 2).await?;
    let jitter = Jitter::watch();
    let expires = opens.plus(LIFE);
    for (agency, count, fields) in [
        ("dagtid", 400, json!({"window": "daytime"})),
        (
            "frist",
            400,
            json!({"window": "daytime", "expires": expires.to_string()}),
        ),
        ("senere", 100, json!({"send_after": opens.to_string()})),
    ] {
        let api = fleet.api(agency).await?;
        let job = jobs::sms(agency, "normal", 0, count, false);
        api.submit(&jobs::with(job, fields)).await?;
    }
    let enqueued = steady_us();
    let end = opening + micros(WATCH);
    let wait = u64::try_from(end - steady_us()).unwrap_or_default();
    tokio::time::sleep(Duration::from_micros(wait)).await;
    let arrivals = fleet.oracle.sms();
    let early = arrivals.iter().filter(|a| a.at_us < opening).count();
    let first = arrivals.iter().map(|a| a.at_us).min().unwrap_or(end);
    let deadline = opening + micros(LIFE);
    let late = arrivals
        .iter()
        .filter(|a| &*a.agency == "frist")
        .map(|a| a.at_us - deadline)
        .max()
        .unwrap_or_default();
    let points: Vec<Point> = arrivals.iter().map(|a| (a.at_us, a.parts)).collect();
    let used = utilisation(&points, RATE, opening + 1_000_000, end);
    let frist = fleet.api("frist").await?;
    let view = frist.finished("frist", Duration::from_secs(20)).await?;
    let expired = view["totals"]["not_sent"].as_u64().unwrap_or_default();
    let sent = arrivals.iter().filter(|a| &*a.agency == "frist").count();
    Ok(vec![
        Row::new(
            "first bytes before a window or send_after opens, 900 waiting",
            "0",
            format!("{early} in {:.0} s", seconds(opening - enqueued)),
            early == 0,
        ),
        Row::new(
            "the first one after the opening",
            "≤ 2 s",
            format!("{:.2} s", seconds(first - opening)),
            first - opening <= 2_000_000,
        ),
        rate_row(
            "no burst at the opening (20/s)",
            &points,
            RATE,
            1,
            &[1.0, 10.0],
            jitter.worst_s(),
        ),
        Row::new(
            "the rate is used from the opening on",
            "≥ 90 %",
            format!("{:.1} %", used * 100.0),
            used >= 0.90,
        ),
        Row::new(
            "a first byte after `expires`",
            format!("never (jitter {:.0} ms)", jitter.worst_s() * 1e3),
            format!("the last one {:.2} s before it", -seconds(late)),
            sent > 0 && seconds(late) <= jitter.worst_s(),
        ),
        Row::new(
            "what expired is told: sent + not_sent of 400",
            "400",
            format!("{sent} + {expired}"),
            sent as u64 + expired == 400,
        ),
        Row::pure(
            "DST nights 2026 and 2027, minute by minute; holidays 2024 to 2035",
            "src/domain/window.rs, src/domain/calendar.rs",
        ),
    ])
}
