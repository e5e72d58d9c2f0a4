//! Statement 10: cancel, `budstikke stop` and `resume`, as an operator gives them.

use std::time::Duration;

use serde_json::Value;

use super::lanes::{BULK, NORMAL};
use super::table::Row;
use crate::parts::feed::Feed;
use crate::parts::fleet::Fleet;
use crate::parts::steady::{micros, seconds, steady_us, until};

const PROMISED: Duration = Duration::from_secs(2);
/// How long the silence is listened to.
const LISTEN: Duration = Duration::from_secs(5);

/// Plays the scenario on a fleet with backlogs of normal and bulk.
///
/// # Errors
/// A command fails.
pub(super) async fn run(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    fleet.command(&["stop", NORMAL]).await?;
    let stopped = steady_us();
    tokio::time::sleep(LISTEN).await;
    let others = count(fleet, Some(BULK), stopped + micros(PROMISED));
    rows.push(silence(
        "budstikke stop AGENCY",
        fleet,
        Some(NORMAL),
        stopped,
    ));
    rows.push(Row::new(
        "the others meanwhile",
        "go on",
        format!("{others} messages"),
        others > 0,
    ));
    fleet.command(&["resume", NORMAL]).await?;
    rows.push(again(fleet, "budstikke resume AGENCY").await);

    fleet.command(&["stop", "--all"]).await?;
    let stopped = steady_us();
    tokio::time::sleep(LISTEN).await;
    rows.push(silence("budstikke stop --all", fleet, None, stopped));
    fleet.command(&["resume", "--all"]).await?;
    rows.push(again(fleet, "budstikke resume --all").await);

    rows.extend(cancel(fleet).await?);
    Ok(rows)
}

fn count(fleet: &Fleet, agency: Option<&str>, from: i64) -> usize {
    let arrivals = fleet.oracle.sms();
    let found = arrivals
        .iter()
        .filter(|a| a.at_us >= from && agency.is_none_or(|agency| &*a.agency == agency));
    found.count()
}

fn silence(what: &str, fleet: &Fleet, agency: Option<&str>, since: i64) -> Row {
    let arrivals = fleet.oracle.sms();
    let last = arrivals
        .iter()
        .filter(|a| agency.is_none_or(|agency| &*a.agency == agency))
        .map(|a| a.at_us)
        .max();
    last_after(what, last, since)
}

fn last_after(what: &str, last: Option<i64>, since: i64) -> Row {
    let later = last.map_or(0, |last| (last - since).max(0));
    Row::new(
        format!("{what}: the last first byte"),
        "≤ 2 s after it returned",
        format!("{:.2} s after", seconds(later)),
        later <= micros(PROMISED),
    )
}

async fn again(fleet: &Fleet, what: &str) -> Row {
    let from = steady_us();
    let limit = Duration::from_secs(5);
    let goes_on = until(limit, || count(fleet, Some(NORMAL), from) > 0).await;
    Row::new(
        what,
        "goes on within 5 s",
        format!("{:.1} s", seconds(steady_us() - from)),
        goes_on,
    )
}

/// Cancels the job that is just going out.
async fn cancel(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    let api = fleet.api(NORMAL).await?;
    let feed = Feed::over_http(api.clone());
    let arrivals = fleet.oracle.sms();
    let newest = arrivals.iter().rev().find(|a| &*a.agency == NORMAL);
    let name = newest
        .and_then(|a| a.text.split(' ').next().map(str::to_owned))
        .unwrap_or_default();
    api.cancel(&name).await?;
    let cancelled = steady_us();
    tokio::time::sleep(LISTEN).await;
    let mine = |place: usize| {
        let all = fleet.oracle.sms_from(place);
        let found = all
            .into_iter()
            .filter(|a| a.text.split(' ').next() == Some(&name));
        found.collect::<Vec<_>>()
    };
    let sent = mine(0);
    let last = sent.iter().map(|a| a.at_us).max();
    let told = |events: &[Value], kind: &str| {
        let of = events.iter().filter(|e| e["subject"] == name.as_str());
        of.filter(|e| e["type"] == format!("no.budstikke.notification.{kind}"))
            .count()
    };
    let mut settled = (0, 0);
    let complete = until(Duration::from_secs(15), || {
        let events = feed.events();
        settled = (told(&events, "sent"), told(&events, "cancelled"));
        settled.0 + settled.1 >= 1_000
    })
    .await;
    Ok(vec![
        last_after("cancel of a job that is going out", last, cancelled),
        Row::new(
            "what had left is reported: sent + cancelled of 1,000, and the gateway's count",
            "equal",
            format!("{} + {}, {}", settled.0, settled.1, sent.len()),
            complete && settled.0 == sent.len() && settled.0 + settled.1 == 1_000,
        ),
    ])
}
