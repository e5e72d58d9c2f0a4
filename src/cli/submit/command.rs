//! The command: read, check, send, follow, tell.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::check::{CheckRules, Checked, Ready, check};
use super::draft::Finding;
use super::follow::{self, Known};
use super::input::Input;
use super::report::{grouped, show};
use super::sent::{LeftOutFile, Sent};
use super::{broker, documents, left_out, over_http};
use crate::adapters::api_client::ApiClient;
use crate::app::build;
use crate::cli::api::{self, ApiArgs};
use crate::cli::args::Global;
use crate::cli::context::{Failure, load, note, say_json};
use crate::cli::progress;
use crate::domain::ids::JobName;
use crate::domain::kinds::Lane;

/// Enqueue jobs from JSON, NDJSON, or CSV with a template.
#[derive(Debug, Args)]
pub struct Submit {
    /// Jobs in JSON or NDJSON, or recipients in CSV (with --template); `-` is the standard input.
    file: PathBuf,
    /// The job without recipients; FILE is then CSV with the columns person, phone or email,
    /// optionally ref, and one per value. It is cut into jobs of 1,000 named `<job>.1`, `<job>.2`, ….
    #[arg(long, value_name = "JOB.JSON")]
    template: Option<PathBuf>,
    /// Publish at this broker as the agency's broker user.
    #[arg(long, value_name = "URL")]
    amqp: Option<String>,
    /// The agency, over AMQP; the broker user's name unless given.
    #[arg(long, value_name = "ID", requires = "amqp")]
    agency: Option<String>,
    #[command(flatten)]
    api: ApiArgs,
    /// Which lane the jobs ask for, instead of what they say themselves.
    #[arg(long, value_parser = parse_lane)]
    lane: Option<Lane>,
    /// The jobs' id, instead of what they say themselves; several get .1, .2, … behind it.
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Do not wait until all are settled.
    #[arg(long)]
    no_wait: bool,
    /// Send what is valid although the rest is not, and write the rest to FILE.invalid.csv or
    /// FILE.invalid.ndjson with the reasons.
    #[arg(long)]
    skip_invalid: bool,
}

fn parse_lane(word: &str) -> Result<Lane, String> {
    Lane::from_word(word).ok_or_else(|| "use urgent, normal or bulk".to_owned())
}

impl Submit {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let allow_synthetic = if global.config.is_empty() {
            None
        } else {
            Some(load(global)?.register.allow_synthetic)
        };
        let mut input = Input::read(&self.file, self.template.as_deref(), self.job.as_deref())?;
        if let Some(lane) = self.lane {
            documents::put_in_lane(&mut input.drafts, lane);
        }
        let rules = CheckRules {
            allow_synthetic,
            now: build::clock().now(),
        };
        let checked = check(&input.drafts, rules);
        input.findings.extend(distinct(&checked));
        let is_refused = !input.findings.is_empty() && (!self.skip_invalid || checked.is_ambiguous);
        if is_refused || checked.ready.is_empty() {
            return Ok(refuse(&input, global));
        }
        let left_out = self.leave_out(&input, &checked, global)?;
        let sent = match &self.amqp {
            Some(url) => self.over_amqp(url, &checked.ready, global).await?,
            None => self.over_http(&checked.ready, global).await?,
        };
        Ok(sent.tell(&checked, left_out, global))
    }

    /// Writes what is left out; says how much it is, and where.
    fn leave_out(
        &self,
        input: &Input,
        checked: &Checked,
        global: &Global,
    ) -> anyhow::Result<Option<LeftOutFile>> {
        if input.findings.is_empty() {
            return Ok(None);
        }
        let (path, text) = match &input.table {
            Some(table) => (
                left_out::path(&self.file, "csv"),
                left_out::rows(table, checked)?,
            ),
            None => (
                left_out::path(&self.file, "ndjson"),
                left_out::lines(&input.drafts, checked),
            ),
        };
        left_out::write(&path, &text)?;
        let unreadable = input.findings.len() - distinct(checked).count();
        let count = checked.left_out.len() + unreadable;
        if !global.json {
            show(&input.findings);
            note(format!(
                "{} left out, with the reasons in {}",
                grouped(count as u64),
                path.display()
            ));
        }
        Ok(Some(LeftOutFile { count, path }))
    }

    async fn over_http(&self, jobs: &[Ready], global: &Global) -> anyhow::Result<Sent> {
        let client = self.api.client(api::Key::Needed)?;
        let recipients: usize = jobs.iter().map(|job| job.recipients).sum();
        let bar = progress::bar(recipients as u64, "enqueueing");
        let offered = over_http::send(&client, jobs, &bar).await;
        bar.finish_and_clear();
        let mut sent = Sent::default();
        for (job, offered) in jobs.iter().zip(offered) {
            sent.count(job, offered);
        }
        let accepted: Vec<JobName> = sent.known.keys().cloned().collect();
        if !self.no_wait && sent.failures.is_empty() {
            sent.settled = Some(wait(&client, &accepted, &mut sent.known, global).await?);
        }
        Ok(sent)
    }

    async fn over_amqp(&self, url: &str, jobs: &[Ready], global: &Global) -> anyhow::Result<Sent> {
        let client = match self.api.is_given() && !self.no_wait {
            true => Some(self.api.client(api::Key::Needed)?),
            false => None,
        };
        broker::send(url, self.agency.as_deref(), jobs).await?;
        let mut sent = Sent {
            confirmed: Some(jobs.len()),
            ..Sent::default()
        };
        if let Some(client) = client {
            let names: Vec<JobName> = jobs.iter().map(|job| job.name.clone()).collect();
            sent.settled = Some(wait(&client, &names, &mut sent.known, global).await?);
        } else if !self.no_wait {
            note(
                "the broker has confirmed them; progress needs --api URL (and BUDSTIKKE_API_KEY), events tell the rest",
            );
        }
        Ok(sent)
    }
}

/// Waits; false if somebody was tired of it.
async fn wait(
    client: &ApiClient,
    jobs: &[JobName],
    known: &mut Known,
    global: &Global,
) -> anyhow::Result<bool> {
    tokio::select! {
        followed = follow::until_settled(client, jobs, known) => followed.map(|()| true),
        _ = tokio::signal::ctrl_c() => {
            if !global.json {
                note("not waiting any longer; the jobs go on, `budstikke status JOB` shows them");
            }
            Ok(false)
        }
    }
}

/// The same problem of the template is one problem, however many jobs are cut.
fn distinct(checked: &Checked) -> impl Iterator<Item = Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (_, finding) in &checked.findings {
        if seen.insert((finding.place.as_str(), finding.problem.as_str())) {
            findings.push(finding.clone());
        }
    }
    findings.into_iter()
}

fn refuse(input: &Input, global: &Global) -> ExitCode {
    if global.json {
        say_json(&json!({"jobs": [], "problems": input.findings}));
    } else {
        show(&input.findings);
        note("nothing was sent; put it right, or send the rest with --skip-invalid");
    }
    ExitCode::FAILURE
}
