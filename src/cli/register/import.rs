//! `budstikke register import`: everything is checked before anything is put in.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::command::Import;
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
struct Bad {
    line: u64,
    problems: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(import: &Import, global: &Global) -> Result<ExitCode, Failure> {
    if import.residents {
        return Err(Failure::Other(anyhow!(
            "this build keeps no residents, so there is nothing to import them into: street audiences come \
             later. Persons of the contact register are imported without --residents"
        )));
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
    if !bad.is_empty() && !global.json {
        for row in &bad {
            note(format!(
                "{shown}, line {}: {}",
                row.line,
                row.problems.join("; ")
            ));
        }
    }
    let refused = !bad.is_empty() && !import.skip_invalid;
    let imported = if refused || good == 0 {
        0
    } else {
        let store = build::store(&config, clock, build::Opening::Shared).await?;
        put(&file.text, &rules, good, store.as_ref()).await?
    };
    report(&shown, imported, &bad, refused, global);
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

fn report(shown: &str, imported: u64, bad: &[Bad], refused: bool, global: &Global) {
    if global.json {
        let invalid: Vec<_> = bad
            .iter()
            .map(|row| json!({"line": row.line, "problems": row.problems}))
            .collect();
        say_json(&json!({"imported": imported, "invalid": invalid}));
    } else if refused {
        note(format!(
            "nothing is imported: {} of {shown} cannot be; --skip-invalid imports the others",
            counted(bad.len() as u64, "row")
        ));
    } else if bad.is_empty() {
        say(format!("{} imported", counted(imported, "person")));
    } else {
        say(format!(
            "{} imported, {} left out",
            counted(imported, "person"),
            counted(bad.len() as u64, "row")
        ));
    }
}
