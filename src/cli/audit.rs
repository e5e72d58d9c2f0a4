//! `budstikke audit`: who looked up whom and why, and whether that is as it was written.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::args::Global;
use super::context::{Failure, load, note, say, say_json};
use super::file_text;
use crate::app::build;
use crate::domain::audit::{AuditKeys, Found, Link, PersonHash};
use crate::domain::ids::{AgencyId, JobName};
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;
use crate::pipeline::trail_check::verify;
use crate::ports::store::{AuditQuery, Store};

/// Links read at once.
const PAGE: u32 = 200;

/// Who looked up whom in the register, for which job and why, the newest first. Persons are shown as
/// hashes that only the key of the configuration makes.
#[derive(Debug, Args)]
pub struct Audit {
    /// Of this agency only.
    #[arg(long, value_name = "AGENCY")]
    agency: Option<String>,
    /// Of this job only, by the agency's id of it.
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Of this person only: an identity number, or - to read it from the standard input, so that it is
    /// in no history and no list of processes.
    #[arg(long, value_name = "NUMBER")]
    person: Option<String>,
    /// Not older: a date, a time (RFC 3339), or for how long (7d, 12h).
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// How many entries about persons are shown.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Instead of showing it, check that nothing of the audit was changed or taken away; exit 1 if
    /// something was.
    #[arg(long, conflicts_with_all = ["agency", "job", "person", "since", "limit"])]
    verify: bool,
}

/// What `--since` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    At(Timestamp),
    Ago(std::time::Duration),
}

impl Since {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(Timestamp::from_jiff(at)));
        }
        let date: Result<jiff::civil::Date, _> = text.parse();
        let at = date.and_then(|date| date.in_tz("Europe/Oslo"));
        at.map(|at| Self::At(Timestamp::from_jiff(at.timestamp())))
            .map_err(|_neither| {
                "is no time; write 2030-01-31, 2030-01-31T09:00:00+01:00 or 7d".to_owned()
            })
    }

    fn timestamp(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.minus(ago),
        }
    }
}

/// A look-up of one person.
struct Line<'a> {
    link: &'a Link,
    person: PersonHash,
    found: Found,
}

impl Audit {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        let query = self.query()?;
        let person = self.person()?;
        let clock = build::clock();
        let now = clock.now();
        let store = build::store(&config, clock, build::Opening::Shared).await?;
        let key = build::key(&config, store.as_ref()).await;
        let keys = AuditKeys::new(&key.map_err(anyhow::Error::from)?);
        if self.verify {
            let kept_since = now.minus(config.retention.audit);
            return check(store.as_ref(), &keys, kept_since, global).await;
        }
        let query = AuditQuery {
            since: self
                .since
                .map_or(Timestamp(0), |since| since.timestamp(now)),
            ..query
        };
        let person = person.map(|person| keys.person(&person));
        self.show(store.as_ref(), &query, person, global).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn query(&self) -> anyhow::Result<AuditQuery> {
        let agency = self.agency.as_deref().map(AgencyId::parse).transpose();
        let job = self.job.as_deref().map(JobName::parse).transpose();
        Ok(AuditQuery {
            agency: agency.map_err(|error| anyhow!("the agency's id {error}"))?,
            job: job.map_err(|error| anyhow!("the job's id {error}"))?,
            since: Timestamp(0),
        })
    }

    fn person(&self) -> anyhow::Result<Option<PersonNumber>> {
        let text = match self.person.as_deref() {
            None => return Ok(None),
            Some("-") => String::from_utf8(file_text::read("-".as_ref())?)
                .context("the standard input is no text")?,
            Some(number) => number.to_owned(),
        };
        let person = PersonNumber::parse(text.trim());
        Ok(Some(
            person.map_err(|error| anyhow!("the identity number {error}"))?,
        ))
    }

    async fn show(
        &self,
        store: &dyn Store,
        query: &AuditQuery,
        person: Option<PersonHash>,
        global: &Global,
    ) -> anyhow::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["at", "agency", "job", "purpose", "person", "register said"]);
        let mut items = Vec::new();
        let mut before = None;
        'pages: loop {
            let page = store.find_links(query, before.as_ref(), PAGE).await?;
            for link in &page {
                for (hash, found) in link.lookup.persons.iter() {
                    if person.is_some_and(|person| person != hash) {
                        continue;
                    }
                    if items.len() >= self.limit {
                        break 'pages;
                    }
                    let line = Line {
                        link,
                        person: hash,
                        found,
                    };
                    table.add_row(line.cells());
                    items.push(line.json());
                }
            }
            before = page.last().map(|link| link.end);
            if page.len() < PAGE as usize {
                break;
            }
        }
        if global.json {
            say_json(&json!({"items": items}));
        } else if items.is_empty() {
            note("no look-up of that kind is in the audit");
        } else {
            say(table.to_string());
        }
        Ok(())
    }
}

impl Line<'_> {
    fn cells(&self) -> [String; 6] {
        let lookup = &self.link.lookup;
        [
            self.link.end.at.to_string(),
            lookup.agency.clone(),
            lookup.job.clone(),
            lookup.purpose.clone(),
            hex::encode(self.person.0),
            self.found.as_str().to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let [at, agency, job, purpose, person, found] = self.cells();
        json!({
            "at": at, "agency": agency, "job": job, "purpose": purpose, "person": person, "found": found,
        })
    }
}

async fn check(
    store: &dyn Store,
    keys: &AuditKeys,
    kept_since: Timestamp,
    global: &Global,
) -> Result<ExitCode, Failure> {
    let found = verify(store, keys, kept_since).await;
    let found = found.map_err(anyhow::Error::from)?;
    if global.json {
        say_json(&json!({
            "strands": found.strands, "links": found.links, "persons": found.persons,
            "findings": found.findings,
        }));
    } else {
        for finding in &found.findings {
            say(format!("WRONG  {finding}"));
        }
        say(format!(
            "{} entries about persons in {} links of {} strands are as they were written",
            found.persons, found.links, found.strands
        ));
    }
    Ok(if found.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_date_a_time_or_how_long() {
        let at = |text: &str| jiff::Timestamp::to_string(&text.parse().unwrap());
        let read = |text| match Since::parse(text).unwrap() {
            Since::At(at) => at.to_jiff().to_string(),
            Since::Ago(ago) => format!("{ago:?}"),
        };
        assert_eq!(read("2030-01-31"), at("2030-01-30T23:00:00Z"));
        assert_eq!(
            read("2030-01-31T09:00:00+01:00"),
            at("2030-01-31T08:00:00Z")
        );
        assert_eq!(read("2h"), "7200s");
        assert!(Since::parse("lately").is_err());
    }
}
