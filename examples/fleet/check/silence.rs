//! Statement 2: one 429 with `Retry-After`, to one of four workers, silences all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use budstikke::sandbox::sms::{Fault, Knobs};

use super::table::Row;
use crate::parts::fleet::Fleet;
use crate::parts::jobs;
use crate::parts::oracle::Manners;
use crate::parts::steady::{micros, seconds, steady_us, until};

/// What the gateway asks for.
const ASKED: Duration = Duration::from_secs(6);
/// One claim.
const HEARD: Duration = Duration::from_secs(1);

/// Plays the scenario on a fleet whose first gateway is at work.
///
/// # Errors
/// The fleet cannot be used.
pub(super) async fn run(fleet: &mut Fleet) -> anyhow::Result<Vec<Row>> {
    let missing = 4_usize.saturating_sub(fleet.workers.len());
    fleet.grow(missing).await?;
    let agency = fleet.plan.agencies[0].id.clone();
    let api = fleet.api(&agency).await?;
    for part in 0..2 {
        let name = format!("silence-{part}");
        let job = jobs::sms(&name, "normal", 800_000 + part * 1_000, 1_000, false);
        api.submit(&job).await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let thrown: Arc<AtomicI64> = Arc::default();
    let moment = Arc::clone(&thrown);
    let manners = Manners::with(Knobs {
        retry_after: ASKED,
        ..Knobs::default()
    });
    let once = manners.fault(move |_message| {
        let now = steady_us();
        let first = moment.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
        first.is_ok().then_some(Fault::TooMany429)
    });
    fleet.oracle.behave(0, once);
    let limit = Duration::from_secs(10);
    ensure!(
        until(limit, || thrown.load(Ordering::SeqCst) != 0).await,
        "nothing arrives"
    );
    let at = thrown.load(Ordering::SeqCst);
    tokio::time::sleep(ASKED + Duration::from_secs(3)).await;
    let arrivals = fleet.oracle.sms();
    let after = || arrivals.iter().map(|a| a.at_us).filter(|us| *us > at);
    let meanwhile = after()
        .filter(|us| *us > at + micros(HEARD) && *us < at + micros(ASKED))
        .count();
    let last = after().filter(|us| *us < at + micros(ASKED)).max();
    let again = after().find(|us| *us >= at + micros(ASKED));
    Ok(vec![
        Row::new(
            "a 429 to one of 4 workers: the last message of any other",
            "≤ 1 s later",
            format!("{:.2} s later", seconds(last.unwrap_or(at) - at)),
            last.is_none_or(|us| us - at <= micros(HEARD)),
        ),
        Row::new(
            "messages from then until Retry-After (6 s) is over",
            "0",
            meanwhile.to_string(),
            meanwhile == 0,
        ),
        Row::new(
            "the first message afterwards",
            "≤ 2 s after it is over",
            again.map_or("none".to_owned(), |us| {
                format!("{:.2} s", seconds(us - at - micros(ASKED)))
            }),
            again.is_some_and(|us| us - at - micros(ASKED) <= 2_000_000),
        ),
    ])
}
