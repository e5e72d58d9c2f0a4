//! Statement 4: the urgent quota, limits per address, rates per agency.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::measure::{Point, rate_row};
use super::table::Row;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jitter::Jitter;
use crate::parts::jobs;
use crate::parts::plan::Plan;
use crate::parts::steady::until;

/// Urgent parts per hour of the one agency, and how many it asks for.
const QUOTA: usize = 20;
const ASKED: usize = 30;
/// The default limits per address and hour.
const SAME: usize = 20;
const ANY: usize = 100;
/// The rates of the other agency.
const SMS_RATE: f64 = 5.0;
const EMAIL_RATE: f64 = 3.0;
const SETTLED: Duration = Duration::from_secs(20);

/// Plays the scenario.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let rates = format!("sms_rate = {SMS_RATE:?}\nemail_rate = {EMAIL_RATE:?}");
    let plan = Plan::new("limits")
        .agency("vakt", 1, &format!("urgent_per_hour = {QUOTA}"))
        .agency("plaget", 1, "")
        .agency("treg", 1, &rates)
        .gateway("primary", 200.0, "")
        .relay("relay", 200.0, "")
        .more(&format!(
            "[limits]\nidentical_per_hour = {SAME}\nany_per_hour = {ANY}\n"
        ));
    let fleet = Fleet::start(env, plan, 2).await?;
    let jitter = Jitter::watch();
    let slow = fleet.api("treg").await?;
    slow.submit(&jobs::sms("treg-sms", "normal", 0, 200, false))
        .await?;
    slow.submit(&jobs::email("treg-mail", "normal", 0, 120))
        .await?;
    let mut rows = quota(&fleet).await?;
    rows.extend(addresses(&fleet).await?);
    until(SETTLED, || {
        of(&fleet, "treg").len() >= 60 && fleet.oracle.mail_count() >= 36
    })
    .await;
    let mails = fleet.oracle.mail();
    let mails: Vec<Point> = mails.iter().map(|a| (a.at_us, a.parts)).collect();
    for (what, rate, points) in [
        ("SMS", SMS_RATE, of(&fleet, "treg")),
        ("e-mail", EMAIL_RATE, mails),
    ] {
        let statement = format!("an agency's own rate, {what} {rate}/s, at the gateway");
        rows.push(rate_row(
            &statement,
            &points,
            rate,
            1,
            &[1.0, 10.0],
            jitter.worst_s(),
        ));
        let took = points.last().map_or(0, |l| l.0) - points.first().map_or(0, |f| f.0);
        let used = points.len() as f64 / (rate * took as f64 / 1e6).max(1.0);
        rows.push(Row::new(
            format!("an agency's own rate, {what} {rate}/s, is used"),
            "≥ 85 %",
            format!("{:.1} %", used * 100.0),
            used >= 0.85,
        ));
    }
    Ok(rows)
}

fn of(fleet: &Fleet, agency: &str) -> Vec<Point> {
    let arrivals = fleet.oracle.sms();
    let own = arrivals.iter().filter(|a| &*a.agency == agency);
    own.map(|a| (a.at_us, a.parts)).collect()
}

async fn quota(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    let api = fleet.api("vakt").await?;
    for number in 0..ASKED {
        let name = format!("urgent-{number}");
        api.submit(&jobs::sms(&name, "urgent", 1_000 + number, 1, false))
            .await?;
    }
    let mut over = 0;
    for number in 0..ASKED {
        let view = api.job(&format!("urgent-{number}")).await?;
        over += view["urgent_over_quota"].as_u64().unwrap_or_default();
    }
    until(SETTLED, || of(fleet, "vakt").len() >= ASKED).await;
    let arrived = of(fleet, "vakt").len();
    Ok(vec![Row::new(
        format!("{ASKED} urgent parts with a quota of {QUOTA} an hour: those above it"),
        "10 told as urgent_over_quota, all 30 sent",
        format!("{over} told, {arrived} sent"),
        over == (ASKED - QUOTA) as u64 && arrived == ASKED,
    )])
}

async fn addresses(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    let api = fleet.api("plaget").await?;
    let (same, any) = (jobs::phone(5_000), jobs::phone(5_001));
    for number in 0..SAME + 10 {
        let job = jobs::sms(&format!("same-{number}"), "normal", 5_000, 1, false);
        let text = json!({"message": {"nb": {"sms": "Den samme teksten."}}});
        api.submit(&jobs::with(job, text)).await?;
    }
    for number in 0..ANY + 20 {
        let job = jobs::sms(&format!("any-{number}"), "normal", 5_001, 1, false);
        api.submit(&job).await?;
    }
    let to = |phone: &str| {
        let arrivals = fleet.oracle.sms();
        arrivals.iter().filter(|a| &*a.to == phone).count()
    };
    until(SETTLED, || to(&same) >= SAME && to(&any) >= ANY).await;
    // What is too much would come now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let waiting = api.job("any-119").await?["totals"].clone();
    Ok(vec![
        Row::new(
            "30 messages with one text to one number",
            "20 within an hour",
            to(&same).to_string(),
            to(&same) == SAME,
        ),
        Row::new(
            "120 messages to one number",
            "100 within an hour",
            format!("{}; of the last {waiting}", to(&any)),
            to(&any) == ANY,
        ),
    ])
}
