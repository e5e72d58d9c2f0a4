//! What became of the jobs, as it is told at the end.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::check::{Checked, Ready};
use super::follow::{self, Known};
use super::over_http::Offered;
use super::report::{SHOWN, counted, grouped, totals_table};
use crate::adapters::api_client::ApiError;
use crate::adapters::api_client::client::Taken;
use crate::cli::args::Global;
use crate::cli::context::{note, say, say_json};
use crate::domain::ids::JobName;

/// What `--skip-invalid` has left out.
#[derive(Debug)]
pub(super) struct LeftOutFile {
    /// How many recipients, jobs and unreadable lines.
    pub(super) count: usize,
    /// Where they are.
    pub(super) path: PathBuf,
}

/// What became of the jobs.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The jobs that were accepted.
    pub(super) known: Known,
    /// How many of them were there before.
    pub(super) repeated: u64,
    /// Jobs that were not accepted, and why.
    pub(super) failures: Vec<(JobName, Vec<String>)>,
    /// Jobs that were not offered any more.
    pub(super) not_tried: u64,
    /// Over AMQP: how many the broker has.
    pub(super) confirmed: Option<usize>,
    /// Whether all are settled; `None`: nobody waited.
    pub(super) settled: Option<bool>,
}

impl Sent {
    /// Notes what became of an offer.
    pub(super) fn count(&mut self, job: &Ready, offered: Offered) {
        match offered {
            Some(Ok((taken, answer))) => {
                self.repeated += u64::from(taken == Taken::Before);
                self.known.insert(job.name.clone(), answer);
            }
            Some(Err(ApiError::Invalid { problems, .. })) if !problems.is_empty() => {
                let lines = problems
                    .iter()
                    .map(|problem| job.places.find(problem).line());
                self.failures.push((job.name.clone(), lines.collect()));
            }
            Some(Err(error)) => {
                let text = format!("{:#}", anyhow::Error::from(error));
                self.failures.push((job.name.clone(), vec![text]));
            }
            None => self.not_tried += 1,
        }
    }

    /// Tells it, and says how the command ends.
    pub(super) fn tell(
        &self,
        checked: &Checked,
        left_out: Option<LeftOutFile>,
        global: &Global,
    ) -> ExitCode {
        if global.json {
            say_json(&self.to_json(left_out));
        } else {
            self.say(checked);
        }
        let is_fine =
            self.failures.is_empty() && self.not_tried == 0 && self.settled != Some(false);
        if is_fine {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn say(&self, checked: &Checked) {
        for (job, lines) in &self.failures {
            for line in lines.iter().take(SHOWN) {
                note(format!("error: job {job}: {line}"));
            }
        }
        if self.not_tried > 0 {
            note(format!(
                "{} not tried after that; submitting the same file again is safe",
                counted(self.not_tried, "job")
            ));
        }
        let jobs = self.confirmed.unwrap_or(self.known.len()) as u64;
        let recipients: usize = match self.confirmed {
            Some(_) => checked.ready.iter().map(|job| job.recipients).sum(),
            None => self
                .known
                .values()
                .map(|answer| answer.recipients as usize)
                .sum(),
        };
        let verb = if self.confirmed.is_some() {
            "confirmed by the broker"
        } else {
            "accepted"
        };
        let mut line = format!(
            "{} with {} {verb}",
            counted(jobs, "job"),
            counted(recipients as u64, "recipient")
        );
        if self.repeated > 0 {
            line.push_str(&format!(", {} of them before", grouped(self.repeated)));
        }
        if self.settled == Some(true) {
            line.push_str("; all settled");
        }
        say(line);
        let totals = follow::sum(&self.known);
        if self.settled.is_some() && totals.all() > 0 {
            say(totals_table(&totals));
        }
    }

    fn to_json(&self, left_out: Option<LeftOutFile>) -> Value {
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|(job, problems)| json!({"job": job, "problems": problems}))
            .collect();
        let mut document = json!({
            "jobs": self.known.values().collect::<Vec<_>>(),
            "totals": follow::sum(&self.known),
            "repeated": self.repeated,
            "failed": failures,
            "not_tried": self.not_tried,
            "settled": self.settled,
        });
        if let Some(confirmed) = self.confirmed {
            document["confirmed"] = confirmed.into();
        }
        if let Some(LeftOutFile { count, path }) = left_out {
            document["left_out"] = json!({"count": count, "file": path});
        }
        document
    }
}
