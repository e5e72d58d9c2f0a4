//! Statement 7, two gateways: traffic shifts away from the bad one and the history says why; what is
//! unknown never goes to the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use budstikke::domain::ids::DeliveryId;
use budstikke::sandbox::sms::Fault;

use super::table::Row;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jobs;
use crate::parts::oracle::{Arrival, Fate, Manners};
use crate::parts::plan::Plan;
use crate::parts::steady::{micros, steady_us};

const RATE: f64 = 30.0;
const AGENCY: &str = "oslo";
/// How long an unknown try is waited for.
const UNKNOWN: Duration = Duration::from_secs(4);

/// Plays the scenario.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let more = format!(
        "[retry]\nsms = [\"2s\"]\n[recovery]\nunknown_sms = \"{}s\"\n[dispatch]\nsms_deadline = \"3s\"\n",
        UNKNOWN.as_secs()
    );
    let plan = Plan::new("shift")
        .agencies(&[AGENCY])
        .gateway("en", RATE, "")
        .gateway("to", RATE, "")
        .more(&more);
    let fleet = Fleet::start(env, plan, 2).await?;
    let mut rows = unknown(&fleet).await?;
    rows.extend(shift(&fleet).await?);
    Ok(rows)
}

async fn unknown(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    const COUNT: usize = 400;
    let doubtful = || {
        Manners::default().fault(|message| {
            let id = DeliveryId::from_client_reference(message.reference.as_deref()?)?;
            (id.position() % 20 == 0).then_some(Fault::BadGateway502)
        })
    };
    fleet.oracle.behave(0, doubtful());
    fleet.oracle.behave(1, doubtful());
    let api = fleet.api(AGENCY).await?;
    api.submit(&jobs::sms("uvisst", "normal", 0, COUNT, false))
        .await?;
    let view = api.finished("uvisst", Duration::from_secs(40)).await?;
    let mut outlets: HashMap<DeliveryId, Vec<usize>> = HashMap::new();
    let arrivals = fleet.oracle.sms();
    let doubts = arrivals
        .iter()
        .filter(|a| a.fate == Fate::Thrown(Fault::BadGateway502));
    for one in doubts {
        if let Some(id) = one.delivery {
            outlets.entry(id).or_default().push(one.outlet);
        }
    }
    let most = outlets.values().map(Vec::len).max().unwrap_or_default();
    let moved = outlets
        .values()
        .filter(|all| all.iter().any(|outlet| Some(outlet) != all.first()))
        .count();
    Ok(vec![
        Row::new(
            "messages whose outcome is unknown and that went to the other gateway",
            "0",
            format!("{moved} of {}", outlets.len()),
            moved == 0 && !outlets.is_empty(),
        ),
        Row::new(
            "sends of a message that stays unknown",
            "≤ 2",
            format!("{most}; {}", view["totals"]),
            most <= 2,
        ),
    ])
}

async fn shift(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    const COUNT: usize = 800;
    const SEEN: Duration = Duration::from_secs(6);
    let broken = Manners::default().fault(|_message| Some(Fault::Error500));
    fleet.oracle.behave(0, broken);
    fleet.oracle.behave(1, Manners::default());
    let (place, from) = (fleet.oracle.count(), steady_us());
    let api = fleet.api(AGENCY).await?;
    api.submit(&jobs::sms("flytt", "normal", 10_000, COUNT, false))
        .await?;
    tokio::time::sleep(Duration::from_secs(25)).await;
    let arrivals = fleet.oracle.sms_from(place);
    let settled: Vec<&Arrival> = arrivals
        .iter()
        .filter(|a| a.at_us >= from + micros(SEEN))
        .collect();
    let other = settled.iter().filter(|a| a.outlet == 1).count();
    let share = other as f64 / settled.len().max(1) as f64;
    let mut rows = vec![Row::new(
        "one of two gateways fails: the other's share of the requests after 6 s",
        "≥ 95 %",
        format!("{:.1} % of {}", share * 100.0, settled.len()),
        share >= 0.95,
    )];
    let mut sql = fleet.sql().await?;
    let history: Result<Vec<String>, sqlx::Error> =
        sqlx::query_scalar("SELECT row_to_json(h)::text FROM gateway_history h ORDER BY 1")
            .fetch_all(&mut sql)
            .await;
    rows.push(match history {
        Ok(lines) => Row::new(
            "the table gateway_history tells why",
            "a line with its reason",
            format!(
                "{}; {}",
                lines.len(),
                lines.first().map_or("", |l| l.as_str())
            ),
            lines.iter().any(|line| line.contains("failed")),
        ),
        Err(error) => Row::new(
            "the table gateway_history tells why",
            "a line with its reason",
            error.to_string(),
            false,
        ),
    });
    Ok(rows)
}
