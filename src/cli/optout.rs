//! `budstikke optout import FILE --agency AGENCY`: fills an agency's opt-out list from a file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::args::Global;
use super::context::{Failure, load, note, say, say_json};
use super::file_text;
use crate::app::{agencies, build};
use crate::domain::email::EmailAddress;
use crate::domain::ids::AgencyId;
use crate::domain::job::To;
use crate::domain::opt_out::{Classes, OptOutKey};
use crate::domain::person::PersonNumber;
use crate::domain::phone::PhoneNumber;
use crate::ports::store::OptOutEntry;

/// Entries in one write.
const BATCH: usize = 2_000;
/// Mistakes that are shown.
const SHOWN: usize = 20;

/// The agencies' own opt-out lists: who wants no messages from an agency.
#[derive(Debug, Args)]
pub struct OptOut {
    #[command(subcommand)]
    command: OptOutCommand,
}

#[derive(Debug, Subcommand)]
enum OptOutCommand {
    /// Put everybody in a file on an agency's list, or take them off it. Whom it is about is stored as
    /// a keyed hash only, so keep the file if you need to know.
    Import {
        /// A CSV file with columns person, phone or email, or one identity number, phone number or
        /// e-mail address on each line; - for the standard input.
        file: PathBuf,
        /// The agency's id in the configuration.
        #[arg(long)]
        agency: String,
        /// Take them off the list instead.
        #[arg(long)]
        remove: bool,
        /// For which messages they are put on the list.
        #[arg(long, value_enum, default_value_t = For::ServiceMessages)]
        messages: For,
    },
}

/// Which messages an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum For {
    /// Service messages; of letters the law says that people must be told.
    ServiceMessages,
    /// Letters too: they go on paper.
    Everything,
}

impl OptOut {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let OptOutCommand::Import {
            file,
            agency,
            remove,
            messages,
        } = &self.command;
        let config = load(global)?;
        let id = AgencyId::parse(agency).ok();
        let id = id.filter(|id| config.agency.iter().any(|known| known.id == *id));
        let id = id.ok_or_else(|| anyhow!("no agency \"{agency}\" is configured"))?;
        let bytes = file_text::read(file)?;
        let text = file_text::decode(&bytes);
        let whom = read(&text.text)
            .map_err(|problems| anyhow!("{}: {problems}", file_text::shown(file)))?;
        let classes = match (remove, messages) {
            (true, _) => Classes::default(),
            (false, For::ServiceMessages) => Classes::SERVICE,
            (false, For::Everything) => Classes::of(crate::domain::kinds::Class::ALL),
        };
        let clock = build::clock();
        let store = build::store(&config, clock.clone(), build::Opening::Shared).await?;
        let key = build::key(&config, store.as_ref()).await;
        let key = OptOutKey::new(&key.map_err(anyhow::Error::from)?);
        let directory = agencies::directory(&config, store.as_ref()).await?;
        let no = directory.by_id(&id).context("the agency has no number")?.no;
        let mut entries = HashMap::with_capacity(whom.len());
        for to in &whom {
            let (kind, hash) = key.of(&id, to);
            let entry = OptOutEntry {
                kind,
                hash,
                classes,
            };
            entries.insert(hash, entry);
        }
        let entries: Vec<OptOutEntry> = entries.into_values().collect();
        let mut changed = 0;
        for batch in entries.chunks(BATCH) {
            let put = store.put_opt_outs(no, batch, clock.now()).await;
            changed += put.map_err(anyhow::Error::from)?;
        }
        if global.json {
            say_json(&json!({"agency": id, "read": whom.len(), "changed": changed}));
        } else {
            say(format!("{changed} changed of {} read", whom.len()));
            note("it holds for every worker within about a second");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Everybody in the file, or the first mistakes, which never quote a cell.
fn read(text: &str) -> Result<Vec<To>, String> {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(file_text::separator(text))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut columns: Option<Vec<usize>> = None;
    let mut whom = Vec::new();
    let mut problems = Vec::new();
    for (index, row) in rows.records().enumerate() {
        let Ok(row) = row else {
            problems.push(format!("row {}: cannot be read as CSV", index + 1));
            continue;
        };
        if index == 0 {
            let named =
                |cell: &str| ["person", "phone", "email"].contains(&cell.to_lowercase().as_str());
            let found: Vec<usize> = (0..row.len()).filter(|at| named(&row[*at])).collect();
            if !found.is_empty() {
                columns = Some(found);
                continue;
            }
        }
        let cells = row.iter().enumerate().filter(|(at, cell)| {
            !cell.is_empty() && columns.as_ref().is_none_or(|wanted| wanted.contains(at))
        });
        for (_, cell) in cells {
            match one(cell) {
                Ok(to) => whom.push(to),
                Err(problem) => problems.push(format!("row {}: {problem}", index + 1)),
            }
        }
    }
    if whom.is_empty() && problems.is_empty() {
        problems.push("holds nobody".to_owned());
    }
    if problems.is_empty() {
        return Ok(whom);
    }
    let more = problems.len().saturating_sub(SHOWN);
    problems.truncate(SHOWN);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(format!("nothing was changed\n  {}", problems.join("\n  ")))
}

/// What a cell is shows in its form.
fn one(cell: &str) -> Result<To, String> {
    if cell.contains('@') {
        let email = EmailAddress::parse(cell).map(To::Email);
        return email.map_err(|error| format!("the e-mail address {error}"));
    }
    if cell.len() == 11 && cell.bytes().all(|byte| byte.is_ascii_digit()) {
        let person = PersonNumber::parse(cell).map(To::Person);
        return person.map_err(|error| format!("the identity number {error}"));
    }
    let phone = PhoneNumber::parse(cell).map(To::Phone);
    phone.map_err(|error| format!("the phone number {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_a_plain_list_are_read() {
        let plain = "20914695016\n+4799999999\nkari@example.no\n\n99999998\n";
        assert_eq!(read(plain).unwrap().len(), 4);
        let table = "name;phone;email\nKari;99999999;kari@example.no\nOla;;ola@example.no\n";
        assert_eq!(read(table).unwrap().len(), 3);
    }

    #[test]
    fn mistakes_are_named_by_their_row_and_nothing_is_quoted() {
        let problems = read("20914695017\n12\nkari@\n99999999").unwrap_err();
        for row in [
            "row 1: the identity number",
            "row 2: the phone",
            "row 3: the e-mail",
        ] {
            assert!(problems.contains(row), "{problems}");
        }
        assert!(!problems.contains("20914695017") && !problems.contains("kari"));
        assert!(read("").unwrap_err().contains("holds nobody"));
    }
}
