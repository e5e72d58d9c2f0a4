//! `budstikke register import`: everything is checked before anything is put in.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::command::Import;
use super::import_residents;
use super::rows::{ImportRules, rows};
use crate::app::build;
use crate::cli::args::Global;
use crate::cli::context::{Failure, load, note, say, say_json};
use crate::cli::submit::report::counted;
use crate::cli::{file_text, progress};
use crate::config::register::RegisterKind;
use crate::domain::person::PersonNumber;
use crate::ports::store::{ContactRow, Store};

/// Rows of one write.
const BATCH: usize = 1_000;

/// A row that stays out.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) line: u64,
    pub(super) problems: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(import: &Import, global: &Global) -> Result<ExitCode, Failure> {
    if import.residents {
        return import_residents::run(import, global).await;
    }
    let config = load(global)?;
    if config.register.kind == RegisterKind::Krr {
        note(
            "note: register.kind is \"krr\": what is imported here is not asked until it is \"local\".",
        );
    }
    let shown = file_text::shown(&import.file);
    let bytes = file_text::read(&import.file)?;
    let file = file_text::decode(&bytes);
    if let Some(remark) = file_text::remark(&import.file, file.encoding) {
        note(remark);
    }
    let clock = build::clock();
    let rules = ImportRules {
        allow_synthetic: config.register.allow_synthetic,
        stamp: import.verified_now.then(|| clock.now()),
    };
    let (good, bad) = survey(&file.text, &rules).with_context(|| shown.to_string())?;
    let refused = !bad.is_empty() && !import.skip_invalid;
    let imported = if refused || good == 0 {
        0
    } else {
        let store = build::store(&config, clock, build::Opening::Shared).await?;
        put(&file.text, &rules, good, store.as_ref()).await?
    };
    let report = Report {
        shown: &shown,
        what: "person",
        imported,
        removed: None,
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

/// How many rows are good, and which are bad.
fn survey(text: &str, rules: &ImportRules) -> anyhow::Result<(u64, Vec<Bad>)> {
    let (mut good, mut bad) = (0, Vec::new());
    for row in rows(text, rules)? {
        match row.read {
            Ok(_) => good += 1,
            Err(problems) => bad.push(Bad {
                line: row.line,
                problems,
            }),
        }
    }
    Ok((good, bad))
}

/// Puts the good rows in; says how many persons they were, the same person twice in a batch once.
async fn put(text: &str, rules: &ImportRules, good: u64, store: &dyn Store) -> anyhow::Result<u64> {
    let bar = progress::bar(good, "importing");
    let mut batch: BTreeMap<PersonNumber, ContactRow> = BTreeMap::new();
    let mut imported = 0;
    let mut rows = rows(text, rules)?
        .filter_map(|row| row.read.ok())
        .peekable();
    while let Some(row) = rows.next() {
        batch.insert(row.person.clone(), row);
        if batch.len() == BATCH || rows.peek().is_none() {
            let full: Vec<ContactRow> = std::mem::take(&mut batch).into_values().collect();
            store.put_contacts(&full).await.with_context(|| {
                format!(
                    "after {imported} persons were imported; importing the same file again is safe"
                )
            })?;
            imported += full.len() as u64;
            bar.set_position(imported);
        }
    }
    bar.finish_and_clear();
    Ok(imported)
}

/// What became of a file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) shown: &'a str,
    pub(super) what: &'static str,
    pub(super) imported: u64,
    /// Who was there before and is not any more; `None`: nobody is removed.
    pub(super) removed: Option<u64>,
    pub(super) bad: &'a [Bad],
    /// Nothing was put in because of the bad ones.
    pub(super) refused: bool,
}

impl Report<'_> {
    pub(super) fn tell(&self, global: &Global) {
        if global.json {
            let invalid: Vec<_> = self
                .bad
                .iter()
                .map(|row| json!({"line": row.line, "problems": row.problems}))
                .collect();
            let mut told = json!({"imported": self.imported, "invalid": invalid});
            if let Some(removed) = self.removed {
                told["removed"] = removed.into();
            }
            say_json(&told);
            return;
        }
        for row in self.bad {
            note(format!(
                "{}, line {}: {}",
                self.shown,
                row.line,
                row.problems.join("; ")
            ));
        }
        let left_out = counted(self.bad.len() as u64, "row");
        if self.refused {
            note(format!(
                "nothing is imported: {left_out} of {} cannot be; --skip-invalid imports the others",
                self.shown
            ));
            return;
        }
        let mut line = format!("{} imported", counted(self.imported, self.what));
        if let Some(removed) = self.removed {
            line.push_str(&format!(", {removed} removed"));
        }
        if !self.bad.is_empty() {
            line.push_str(&format!(", {left_out} left out"));
        }
        say(line);
    }
}
