//! The command: register, gateways, worker, jobs, table, verdict.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::Args;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::lifecycle::Roles;
use crate::app::process::{self, Process};
use crate::cli::args::Global;
use crate::cli::context::{Failure, note, say, say_json};
use crate::config::Config;
use crate::domain::ids::{AgencyId, JobName};
use crate::pipeline::intake::{Answer, Offer};
use crate::ports::store::ContactRow;

use super::outside::Outside;
use super::scenario::{Scenario, clinic, letter, snow};
use super::verdict::{Outcomes, Received, judge};
use super::watch::{Watched, until_done};

/// Run the whole main job on this machine, with nothing installed: a synthetic register, a sandbox
/// SMS gateway and mail server that misbehave, and three scenarios.
#[derive(Debug, Args)]
pub struct Demo {
    /// So many people get the letter; twice as many the broadcast, half as many an appointment.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(20..=5_000))]
    people: u32,
    /// Leave the HTTP API up afterwards, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Runs the command: exit code 0 only if every notification ended as expected.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let folder = Folder::new()?;
        let outside = Outside::start().await?;
        let config = configuration(&folder.0, &outside)?;
        let started = Instant::now();
        let process = Process::start(&config, Roles::ALL).await?;
        let api = process
            .api
            .ok_or_else(|| anyhow!("the API does not listen"))?;
        outside.misbehave(format!("http://{api}/v1/receipts/sandbox"));
        let scenarios = [
            letter(self.people),
            snow(self.people * 2),
            clinic(self.people / 2),
        ];
        let done = tokio::select! {
            done = self.play(&process, &scenarios, &outside, global, started) => Some(done),
            () = process::asked_to_stop() => None,
        };
        let Some(done) = done else {
            note("Interrupted.");
            process
                .stop(Duration::from_secs(1), CancellationToken::new())
                .await;
            return Ok(ExitCode::from(INTERRUPTED));
        };
        if self.keep && done.is_ok() {
            note(format!(
                "The API stays up on http://{api} (metrics at /metrics); Ctrl-C ends it."
            ));
            process::asked_to_stop().await;
        }
        let ended = process
            .stop(Duration::from_secs(5), CancellationToken::new())
            .await;
        tracing::debug!(?ended, "the demo's worker has ended");
        Ok(if done? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn play(
        &self,
        process: &Process,
        scenarios: &[Scenario],
        outside: &Outside,
        global: &Global,
        started: Instant,
    ) -> anyhow::Result<bool> {
        if !global.json {
            note(
                "A synthetic register, a sandbox SMS gateway and a sandbox mail server, all in this process, on SQLite.",
            );
        }
        fill_register(process, scenarios).await?;
        let mut watched = Vec::new();
        for scenario in scenarios {
            watched.push(enqueue(process, scenario).await?);
        }
        let store = process.store.as_ref();
        until_done(store, &watched, Duration::from_secs(20)).await?;
        let took = started.elapsed();
        let received = Received::new(
            &outside.sms.inbox().snapshot(),
            &outside.mail.mailbox().snapshot(),
        );
        let mut wrong = Vec::new();
        let mut report = Vec::new();
        for one in &watched {
            let facts = facts(process, one).await?;
            let (outcomes, problems) = judge(one.scenario, &facts, &received);
            if !global.json {
                show(one.scenario, &outcomes, problems.len());
            }
            report.push(json!({"job": one.scenario.job, "people": one.scenario.people.len(), "outcomes": rows(&outcomes), "wrong": problems}));
            wrong.extend(problems);
        }
        let (sms, mail) = (outside.sms.inbox().count(), outside.mail.mailbox().count());
        if global.json {
            say_json(
                &json!({"ok": wrong.is_empty(), "seconds": took.as_secs_f64(), "sms": sms, "emails": mail, "scenarios": report}),
            );
        } else {
            say(format!("Faults thrown in: {}.", outside.thrown()));
            say(format!(
                "{sms} SMS and {mail} e-mails were received in {:.1} s.",
                took.as_secs_f64()
            ));
            for problem in wrong.iter().take(20) {
                say(format!("WRONG  {problem}"));
            }
            say(if wrong.is_empty() {
                "Every notification ended as expected.".to_owned()
            } else {
                format!("{} notifications did not end as expected.", wrong.len())
            });
        }
        Ok(wrong.is_empty())
    }
}

/// The exit code of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// A temporary folder that goes with the demo.
#[derive(Debug)]
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("budstikke-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The same configuration that an operator would write, with times in seconds.
fn configuration(folder: &Path, outside: &Outside) -> anyhow::Result<Config> {
    let agency = |id: &str, name: &str, org: &str, kind: &str, sender: &str| {
        format!(
            "[[agency]]\nid = \"{id}\"\nname = \"{name}\"\norg_number = \"{org}\"\nkind = \"{kind}\"\n\
             sms_sender = \"{sender}\"\nemail_from = \"{name} <varsel@{id}.example>\"\n"
        )
    };
    let text = format!(
        "[database]\nurl = \"sqlite://{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [register]\nallow_synthetic = true\n\
         [recovery]\nworker_dead = \"5s\"\nunknown_sms = \"3s\"\nunknown_email = \"3s\"\n\
         [retry]\nsms = [\"500ms\", \"1s\"]\nemail = [\"800ms\", \"1s\"]\n\
         [dispatch]\nsms_deadline = \"2s\"\nemail_deadline = \"3s\"\n\
         {}{}{}\
         [[sms_gateway]]\nname = \"sandbox\"\nkind = \"json\"\nurl = \"{}\"\nrate = 2000.0\nburst = 20\n\
         [[email_relay]]\nname = \"sandbox\"\nurl = \"{}\"\nrate = 1000.0\n",
        folder.join("demo.db").display(),
        agency(
            "oslo",
            "Oslo kommune",
            "958935420",
            "municipality",
            "OsloKommune"
        ),
        agency(
            "lorenskog",
            "Lørenskog kommune",
            "842566142",
            "municipality",
            "Lorenskog"
        ),
        agency(
            "klinikken",
            "Poliklinikken",
            "991825827",
            "on_behalf",
            "Klinikken"
        ),
        outside.sms_url(),
        outside.mail.url(),
    );
    let file = folder.join("demo.toml");
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Config::load(&[file], std::iter::empty())?)
}

async fn fill_register(process: &Process, scenarios: &[Scenario]) -> anyhow::Result<()> {
    let now = process.worker.deps.clock.now();
    let rows: Vec<ContactRow> = scenarios
        .iter()
        .flat_map(|scenario| scenario.people.values())
        .filter_map(|(person, ..)| {
            let document = person.document(now)?.to_string();
            Some(ContactRow {
                person: person.number.clone(),
                document,
            })
        })
        .collect();
    for batch in rows.chunks(1_000) {
        process.store.put_contacts(batch).await?;
    }
    Ok(())
}

async fn enqueue<'a>(process: &Process, scenario: &'a Scenario) -> anyhow::Result<Watched<'a>> {
    let id = AgencyId::parse(scenario.agency)?;
    let directory = &process.worker.deps.directory;
    let agency = directory
        .by_id(&id)
        .ok_or_else(|| anyhow!("no agency {id}"))?;
    let offer = Offer {
        agency: std::sync::Arc::clone(agency),
        body: scenario.body.to_string().into(),
        lane: None,
    };
    match process.worker.intake.offer(offer).await? {
        Answer::Accepted(_) => Ok(Watched {
            scenario,
            agency: agency.no,
            name: JobName::parse(&scenario.job)?,
        }),
        Answer::Repeated(_) | Answer::Conflict(_) => Err(anyhow!("the job was there before")),
        Answer::Rejected { problems, .. } => {
            let problems: Vec<String> = problems
                .iter()
                .map(|p| format!("{}: {}", p.pointer, p.problem))
                .collect();
            Err(anyhow!("the job was rejected: {}", problems.join("; ")))
        }
    }
}

async fn facts(
    process: &Process,
    one: &Watched<'_>,
) -> anyhow::Result<Vec<crate::domain::event::NotificationFact>> {
    let mut facts = Vec::new();
    let mut from = None;
    loop {
        let page = process
            .store
            .notifications(one.agency, &one.name, from, 1_000)
            .await?;
        let page = page.ok_or_else(|| anyhow!("the job {} is gone", one.name))?;
        facts.extend(page.facts);
        from = page.next;
        if from.is_none() {
            return Ok(facts);
        }
    }
}

fn show(scenario: &Scenario, outcomes: &Outcomes, wrong: usize) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["status", "reason", "channel", "people", "maybe twice"]);
    for ((status, reason, channel), (people, twice)) in outcomes {
        let number = |n: u64| Cell::new(n).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(status),
            Cell::new(reason),
            Cell::new(channel),
            number(*people),
            number(*twice),
        ]);
    }
    say(format!(
        "\n{} ({} people, agency {})",
        scenario.title,
        scenario.people.len(),
        scenario.agency
    ));
    say(table.to_string());
    if wrong == 0 {
        say(format!("Right: {}.\n", scenario.moral));
    } else {
        say(format!("{wrong} did not end as expected.\n"));
    }
}

fn rows(outcomes: &Outcomes) -> Vec<serde_json::Value> {
    outcomes
        .iter()
        .map(|((status, reason, channel), (people, twice))| {
            json!({"status": status, "reason": reason, "channel": channel, "people": people, "possible_duplicates": twice})
        })
        .collect()
}
