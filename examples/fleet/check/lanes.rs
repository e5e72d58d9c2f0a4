//! Statement 3: urgent before normal before bulk; bulk keeps a tenth. Statement 10 goes on with the
//! same fleet.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;

use super::stop;
use super::table::Row;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jobs;
use crate::parts::oracle::Arrival;
use crate::parts::plan::Plan;
use crate::parts::steady::{micros, seconds, steady_us, until};

const RATE: f64 = 40.0;
/// The agency of each lane.
pub(super) const URGENT: &str = "vakt";
pub(super) const NORMAL: &str = "brev";
pub(super) const BULK: &str = "masse";

/// Plays both scenarios.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let plan = Plan::new("lanes")
        .agency(URGENT, 1, "urgent_per_hour = 100000")
        .agencies(&[NORMAL, BULK])
        .gateway("primary", RATE, "");
    let fleet = Fleet::start(env, plan, 3).await?;
    for (agency, lane, count) in [(BULK, "bulk", 6_000), (NORMAL, "normal", 4_000)] {
        let api = fleet.api(agency).await?;
        for first in (0..count).step_by(1_000) {
            let name = format!("{lane}-{}", first / 1_000);
            api.submit(&jobs::sms(&name, lane, first, 1_000, false))
                .await?;
        }
    }
    let mut rows = Vec::new();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let from = steady_us();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let seen = within(&fleet.oracle.sms(), from, steady_us());
    let bulk = share(&seen, BULK);
    rows.push(Row::new(
        "bulk beside a backlog of normal",
        "≥ 10 % of the slots, and not more than 15 %",
        format!("{:.1} % of {}", bulk * 100.0, seen.len()),
        (0.095..=0.15).contains(&bulk),
    ));
    rows.extend(urgent(&fleet).await?);
    rows.extend(stop::run(&fleet).await?);
    Ok(rows)
}

async fn urgent(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    const COUNT: usize = 200;
    let api = fleet.api(URGENT).await?;
    let asked = steady_us();
    api.submit(&jobs::sms("urgent", "urgent", 0, COUNT, false))
        .await?;
    let from = steady_us();
    let count = || {
        let arrivals = fleet.oracle.sms();
        arrivals.iter().filter(|a| &*a.agency == URGENT).count()
    };
    let all = until(Duration::from_secs(25), || count() >= COUNT).await;
    ensure!(all, "{} of {COUNT} urgent messages arrive", count());
    let arrivals = fleet.oracle.sms();
    let times = || {
        let urgent = arrivals.iter().filter(|a| &*a.agency == URGENT);
        urgent.map(|a| a.at_us)
    };
    let (first, last) = (
        times().min().unwrap_or_default(),
        times().max().unwrap_or_default(),
    );
    let seen = within(&arrivals, from + micros(Duration::from_secs(1)), last);
    let (normal, bulk) = (share(&seen, NORMAL), share(&seen, BULK));
    Ok(vec![
        Row::new(
            "urgent behind a backlog of normal and bulk: the first one",
            "≤ 1 s after the call",
            format!("{:.2} s", seconds(first - asked)),
            first - asked <= 1_000_000,
        ),
        Row::new(
            "normal beside 200 urgent ones (3 workers)",
            "≤ 2 % of the slots",
            format!("{:.1} % (bulk {:.1} %)", normal * 100.0, bulk * 100.0),
            normal <= 0.02,
        ),
    ])
}

fn within(arrivals: &[Arrival], from: i64, until: i64) -> Vec<Arrival> {
    let inside = arrivals.iter().filter(|a| (from..until).contains(&a.at_us));
    inside.cloned().collect()
}

fn share(arrivals: &[Arrival], agency: &str) -> f64 {
    let own = arrivals.iter().filter(|a| &*a.agency == agency).count();
    own as f64 / arrivals.len().max(1) as f64
}
