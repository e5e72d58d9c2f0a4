//! `budstikke register import --residents`: everything is checked before anything is put in.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;

use super::command::Import;
use super::import::{Bad, Report};
use super::residents::residents;
use super::rows::ImportRules;
use crate::app::build;
use crate::cli::args::Global;
use crate::cli::context::{Failure, load, note};
use crate::cli::{file_text, progress};
use crate::domain::calendar;
use crate::domain::street::Resident;
use crate::domain::time::Timestamp;
use crate::ports::store::Store;

/// Rows of one write.
const BATCH: usize = 1_000;

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(import: &Import, global: &Global) -> Result<ExitCode, Failure> {
    let config = load(global)?;
    let shown = file_text::shown(&import.file);
    let bytes = file_text::read(&import.file)?;
    let file = file_text::decode(&bytes);
    if let Some(remark) = file_text::remark(&import.file, file.encoding) {
        note(remark);
    }
    let clock = build::clock();
    let now = clock.now();
    let rules = ImportRules {
        allow_synthetic: config.register.allow_synthetic,
        stamp: None,
    };
    let this_year = calendar::in_oslo(now).year();
    let rows = residents(&file.text, &rules, this_year).with_context(|| shown.to_string())?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for row in rows {
        match row.read {
            Ok(resident) => good.push(resident),
            Err(problems) => bad.push(Bad {
                line: row.line,
                problems,
            }),
        }
    }
    let refused = !bad.is_empty() && !import.skip_invalid;
    let (mut imported, mut removed) = (0, 0);
    if !refused && !good.is_empty() {
        let store = build::store(&config, clock, build::Opening::Shared).await?;
        imported = put(&good, now, store.as_ref()).await?;
        if import.whole {
            let places: BTreeSet<String> =
                good.iter().map(|one| one.municipality.clone()).collect();
            let places: Vec<String> = places.into_iter().collect();
            let dropped = store.drop_residents(&places, now).await;
            removed = dropped.context("everybody was imported, but nobody was removed")?;
        }
    }
    let report = Report {
        shown: &shown,
        what: "resident",
        imported,
        removed: import.whole.then_some(removed),
        bad: &bad,
        refused,
    };
    report.tell(global);
    Ok(if refused || imported == 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn put(good: &[Resident], now: Timestamp, store: &dyn Store) -> anyhow::Result<u64> {
    let bar = progress::bar(good.len() as u64, "importing");
    let mut persons = BTreeSet::new();
    for batch in good.chunks(BATCH) {
        store.put_residents(batch, now).await.with_context(|| {
            format!(
                "after {} residents were imported; importing the same file again is safe",
                persons.len()
            )
        })?;
        persons.extend(batch.iter().map(|one| &one.person));
        bar.set_position(persons.len() as u64);
    }
    bar.finish_and_clear();
    Ok(persons.len() as u64)
}
