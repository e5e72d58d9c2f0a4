//! Statement 7, one gateway: back-off, the retry budget, a gateway that is down, the circuit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use budstikke::domain::ids::DeliveryId;
use budstikke::sandbox::sms::{Fault, Knobs};
use parking_lot::Mutex;

use super::measure::percentile;
use super::table::Row;
use crate::parts::api::Api;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jobs;
use crate::parts::oracle::{Arrival, Manners};
use crate::parts::plan::Plan;
use crate::parts::steady::{micros, seconds, steady_us};

const RATE: f64 = 50.0;
/// Up to so long until a retry.
const STEP: Duration = Duration::from_secs(3);
const AGENCY: &str = "oslo";

/// Plays the scenario.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let steps = format!("[retry]\nsms = [\"{}s\"]\n", STEP.as_secs());
    let plan = Plan::new("retries")
        .agencies(&[AGENCY])
        .gateway("primary", RATE, "")
        .more(&steps);
    let fleet = Fleet::start(env, plan, 3).await?;
    let api = fleet.api(AGENCY).await?;
    let mut rows = down(&fleet, &api).await?;
    rows.extend(circuit(&fleet, &api).await?);
    rows.extend(budget(&fleet, &api).await?);
    Ok(rows)
}

fn of<'a>(arrivals: &'a [Arrival], job: &'a str) -> impl Iterator<Item = &'a Arrival> {
    arrivals
        .iter()
        .filter(move |a| a.text.split(' ').next() == Some(job))
}

/// A gateway that says 503 and for how long: everybody waits, nobody pays.
async fn down(fleet: &Fleet, api: &Api) -> anyhow::Result<Vec<Row>> {
    let manners = Manners::with(Knobs {
        retry_after: Duration::from_secs(2),
        ..Knobs::default()
    });
    let away = manners.fault(|_message| Some(Fault::Unavailable503));
    fleet.oracle.behave(0, away);
    api.submit(&jobs::sms("nede", "normal", 0, 100, false))
        .await?;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let knocks = of(&fleet.oracle.sms(), "nede").count();
    let mut sql = fleet.sql().await?;
    let tries: i64 = sqlx::query_scalar("SELECT coalesce(max(tries), 0)::bigint FROM delivery")
        .fetch_one(&mut sql)
        .await?;
    fleet.oracle.behave(0, Manners::default());
    let healed = steady_us();
    let view = api.finished("nede", Duration::from_secs(45)).await?;
    Ok(vec![
        Row::new(
            "waiting for a gateway that is down (503, Retry-After): tries paid by 100 messages",
            "0",
            format!("{tries} at most; {knocks} requests in 9 s"),
            tries == 0,
        ),
        Row::new(
            "all of them leave when it is back",
            "within 45 s",
            format!("{:.0} s; {}", seconds(steady_us() - healed), view["totals"]),
            view["totals"]["sent"] == 100,
        ),
    ])
}

/// Everything fails: the circuit opens, a probe now and then, and it closes.
async fn circuit(fleet: &Fleet, api: &Api) -> anyhow::Result<Vec<Row>> {
    const COUNT: usize = 80;
    /// By then twenty have failed and somebody has looked.
    const OPEN_BY: Duration = Duration::from_secs(6);
    const WATCH: Duration = Duration::from_secs(26);
    let broken = Manners::default().fault(|_message| Some(Fault::Error500));
    fleet.oracle.behave(0, broken);
    let from = steady_us();
    api.submit(&jobs::sms("brudd", "normal", 1_000, COUNT, false))
        .await?;
    tokio::time::sleep(OPEN_BY + WATCH).await;
    let arrivals = fleet.oracle.sms_from(0);
    let open = from + micros(OPEN_BY);
    let before = of(&arrivals, "brudd").filter(|a| a.at_us < open).count();
    let probes = of(&arrivals, "brudd").filter(|a| a.at_us >= open).count();
    fleet.oracle.behave(0, Manners::default());
    let healed = steady_us();
    // A fresh job, for which the retry budget does not matter.
    api.submit(&jobs::sms("frisk", "normal", 2_000, 50, false))
        .await?;
    let view = api.finished("frisk", Duration::from_secs(40)).await?;
    Ok(vec![
        Row::new(
            "a gateway that answers 500: requests in 26 s once its circuit is open",
            "1 to 3 probes",
            format!("{probes}; {before} before"),
            (1..=3).contains(&probes),
        ),
        Row::new(
            "it closes after the gateway has recovered: a fresh job is out",
            "≤ 20 s",
            format!("{:.1} s; {}", seconds(steady_us() - healed), view["totals"]),
            view["totals"]["sent"] == 50 && steady_us() - healed <= 20_000_000,
        ),
    ])
}

/// One first try in five fails: retries wait, and there are not too many of them.
async fn budget(fleet: &Fleet, api: &Api) -> anyhow::Result<Vec<Row>> {
    const WATCH: Duration = Duration::from_secs(50);
    const OFFER: usize = 80;
    const OFFER_EVERY: Duration = Duration::from_secs(2);
    let brudd = api.finished("brudd", Duration::from_secs(60)).await?;
    let seen: Mutex<HashMap<Box<str>, u32>> = Mutex::default();
    let fifth = Manners::default().fault(move |message| {
        let reference = message.reference.clone()?;
        let id = DeliveryId::from_client_reference(&reference)?;
        let mut seen = seen.lock();
        let times = seen.entry(reference).or_insert(0);
        *times += 1;
        (*times == 1 && id.position() % 5 == 0).then_some(Fault::Error500)
    });
    fleet.oracle.behave(0, fifth);
    let place = fleet.oracle.count();
    // Somewhat less than the gateway carries: behind a backlog a retry waits with all that was due
    // before it, whatever the budget says.
    let end = Instant::now() + WATCH;
    let mut ticks = tokio::time::interval(OFFER_EVERY);
    for part in 0.. {
        ticks.tick().await;
        if Instant::now() >= end {
            break;
        }
        let name = format!("femtedel-{part}");
        let first = 3_000 + part * OFFER;
        api.submit(&jobs::sms(&name, "normal", first, OFFER, false))
            .await?;
    }
    let arrivals = fleet.oracle.sms_from(place);
    let mut times: HashMap<DeliveryId, Vec<i64>> = HashMap::new();
    for one in &arrivals {
        if let Some(id) = one.delivery {
            times.entry(id).or_default().push(one.at_us);
        }
    }
    let (first, all) = (times.len(), arrivals.len());
    let again = all - first;
    let allowed = first as f64 * 0.10 + 60.0;
    let gaps: Vec<i64> = times
        .values()
        .filter_map(|at| Some(at.get(1)? - at.first()?))
        .collect();
    fleet.oracle.behave(0, Manners::default());
    Ok(vec![
        Row::new(
            "retries within one minute, 20 % of first tries failing",
            format!("≤ 10 % of first tries + 1/s: {allowed:.0}"),
            format!("{again} of {first}; before them {}", brudd["totals"]),
            again as f64 <= allowed && again > 0,
        ),
        Row::new(
            "a retry waits: full jitter up to 3 s, longer when the budget is used up",
            "p50 ≥ 0.75 s",
            format!(
                "p50 {:.2} s, p95 {:.2} s",
                seconds(percentile(&gaps, 0.5)),
                seconds(percentile(&gaps, 0.95))
            ),
            percentile(&gaps, 0.5) >= 750_000,
        ),
    ])
}
