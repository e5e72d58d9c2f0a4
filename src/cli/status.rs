//! `budstikke status JOB`: one job, and whom it did not reach. Without a job: the gateways.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::json;

use super::api::{ApiArgs, Key};
use super::args::Global;
use super::context::{Failure, say, say_json};
use super::gateways;
use super::reach;
use super::submit::report::{grouped, totals_table};
use crate::adapters::api_client::wire::{JobAnswer, Notification};
use crate::adapters::api_client::{ApiClient, ApiError};
use crate::domain::ids::JobName;

/// Notifications of one page.
const PAGE: u32 = 1_000;

/// Show one job: totals, and the first recipients that were not told. Without a job: every gateway's
/// circuit and weight, since when, and why.
#[derive(Debug, Args)]
pub struct Status {
    /// The job's id; it is asked for over the API. Without it the gateways are shown, from the
    /// database of the configuration.
    job: Option<String>,
    #[command(flatten)]
    api: ApiArgs,
    /// How many recipients that were not told, or steps of the gateways' history, are listed.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    list: usize,
    /// Show who of a street was reached, and at which houses somebody has to knock; for jobs with
    /// an audience.
    #[arg(long, requires = "job", conflicts_with = "list")]
    reach: bool,
}

impl Status {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let Some(job) = &self.job else {
            return gateways::show(global, self.list).await;
        };
        let name = JobName::parse(job).map_err(|error| anyhow!("the job id {error}"))?;
        let client = self.api.client(Key::Needed)?;
        if self.reach {
            reach::show(&client, &name, global)
                .await
                .map_err(explain_reach)?;
            return Ok(ExitCode::SUCCESS);
        }
        let job = client.job(&name).await.map_err(explain)?;
        let not_told = if has_not_told(&job) && self.list > 0 {
            not_told(&client, &name, self.list)
                .await
                .context("the recipients cannot be listed")?
        } else {
            Vec::new()
        };
        if global.json {
            say_json(&json!({"job": job, "not_told": not_told}));
        } else {
            say(facts(&job));
            if !not_told.is_empty() {
                say(format!(
                    "\nThe first that were not told:\n{}",
                    rows(&not_told)
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn explain(error: ApiError) -> anyhow::Error {
    if error.is_not_found() {
        anyhow!("this agency has no job of that id (404); BUDSTIKKE_API_KEY says which agency asks")
    } else {
        error.into()
    }
}

fn explain_reach(error: ApiError) -> anyhow::Error {
    if error.is_not_found() {
        anyhow!(
            "this agency has no job of that id with an audience (404): the reach report is for streets; \
             BUDSTIKKE_API_KEY says which agency asks"
        )
    } else {
        error.into()
    }
}

const NOT_TOLD: [&str; 3] = ["not_sent", "failed", "uncertain"];

fn has_not_told(job: &JobAnswer) -> bool {
    NOT_TOLD
        .iter()
        .any(|status| job.totals.0.get(*status).is_some_and(|count| *count > 0))
}

/// The first `wanted` notifications that were not told, page by page.
async fn not_told(
    client: &ApiClient,
    job: &JobName,
    wanted: usize,
) -> Result<Vec<Notification>, ApiError> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.notifications(job, cursor.as_deref(), PAGE).await?;
        found.extend(
            page.items
                .into_iter()
                .filter(|item| NOT_TOLD.contains(&item.status.as_str())),
        );
        found.truncate(wanted);
        if page.next.is_none() || page.next == cursor || found.len() == wanted {
            return Ok(found);
        }
        cursor = page.next;
    }
}

/// A job's facts and totals.
pub fn facts(job: &JobAnswer) -> String {
    let mut lines = vec![format!("job          {}", job.job)];
    for (name, value) in [("class", &job.class), ("lane", &job.lane)] {
        if let Some(value) = value {
            lines.push(format!("{name:<13}{value}"));
        }
    }
    lines.push(format!("state        {}", job.state));
    if let Some(at) = &job.accepted_at {
        lines.push(format!("accepted at  {at}"));
    }
    lines.push(format!("recipients   {}", grouped(job.recipients)));
    if job.totals.all() > 0 {
        lines.push(String::new());
        lines.push(totals_table(&job.totals));
    }
    lines.join("\n")
}

fn rows(notifications: &[Notification]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ref", "occasion", "channel", "status", "reason"]);
    for item in notifications {
        table.add_row([
            item.reference.clone(),
            item.occasion.to_string(),
            item.channel.clone().unwrap_or_default(),
            item.status.clone(),
            item.reason.clone().unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}
