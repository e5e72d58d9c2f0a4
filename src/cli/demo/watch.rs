//! Shows progress until every job is finished and the last receipts have come.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::domain::event::Totals;
use crate::domain::ids::{AgencyNo, JobName};
use crate::domain::status::Status;
use crate::ports::store::Store;

use super::scenario::Scenario;

/// A job under watch.
#[derive(Debug)]
pub struct Watched<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Whose.
    pub agency: AgencyNo,
    /// The job.
    pub name: JobName,
}

/// Waits until the totals of every job are what was expected, or nothing has changed for
/// `patience`. Returns whether they are.
///
/// # Errors
/// The store.
pub async fn until_done(
    store: &dyn Store,
    watched: &[Watched<'_>],
    patience: Duration,
) -> anyhow::Result<bool> {
    let screen = MultiProgress::new();
    let style = ProgressStyle::with_template("{msg:34} [{bar:40}] {pos:>5}/{len} {elapsed}")
        .unwrap_or_else(|_never| ProgressStyle::default_bar());
    let bars: Vec<ProgressBar> = watched
        .iter()
        .map(|one| {
            let bar = screen.add(ProgressBar::new(one.scenario.people.len() as u64));
            bar.set_style(style.clone());
            bar.set_message(one.scenario.title);
            bar
        })
        .collect();
    let mut last = Vec::new();
    let mut quiet = Duration::ZERO;
    let step = Duration::from_millis(100);
    loop {
        let mut now = Vec::with_capacity(watched.len());
        for (one, bar) in watched.iter().zip(&bars) {
            let view = store.job(one.agency, &one.name).await?;
            let totals = view.map(|view| view.totals).unwrap_or_default();
            bar.set_position(settled(&totals));
            now.push(totals);
        }
        if now
            .iter()
            .zip(watched)
            .all(|(totals, one)| *totals == wanted(one.scenario))
        {
            bars.iter().for_each(ProgressBar::finish);
            return Ok(true);
        }
        quiet = if now == last {
            quiet + step
        } else {
            Duration::ZERO
        };
        if quiet >= patience {
            bars.iter().for_each(ProgressBar::abandon);
            return Ok(false);
        }
        last = now;
        tokio::time::sleep(step).await;
    }
}

fn settled(totals: &Totals) -> u64 {
    totals
        .0
        .iter()
        .filter(|(status, _)| status.is_settled())
        .map(|(_, n)| n)
        .sum()
}

fn wanted(scenario: &Scenario) -> Totals {
    let mut totals = Totals::default();
    for (_, expected, _) in scenario.people.values() {
        *totals.0.entry(expected.status).or_insert(0) += 1;
    }
    debug_assert!(totals.0.keys().all(|status| Status::is_settled(*status)));
    totals
}
