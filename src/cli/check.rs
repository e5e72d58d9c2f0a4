//! `budstikke check`: loads the configuration, prints it masked, tries every outside party.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::app::probe::{Finding, probe_all};

use super::args::Global;
use super::context::{Failure, load, note, say, say_json};

/// Load the configuration, print it with secrets masked, and try every outside party.
#[derive(Debug, Args)]
pub struct Check {
    /// Give every outside party so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u64,
}

impl Check {
    /// Runs the command: exit code 0, 1 (something is down) or 64 (the configuration is wrong).
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        if !global.json {
            say(config.masked_toml());
        }
        for warning in config.warnings() {
            note(format!("warning: {warning}"));
        }
        let findings = probe_all(&config, Duration::from_secs(self.timeout.max(1))).await;
        let down = findings
            .iter()
            .filter(|finding| finding.result.is_err())
            .count();
        if global.json {
            let parties: Vec<_> = findings.iter().map(to_json).collect();
            say_json(&json!({"ok": down == 0, "parties": parties, "config": config.masked_toml()}));
        } else {
            for finding in &findings {
                say(to_line(finding));
            }
            say(match down {
                0 => "everything answers".to_owned(),
                n => format!("{n} of {} do not answer", findings.len()),
            });
        }
        Ok(if down == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn to_line(finding: &Finding) -> String {
    match &finding.result {
        Ok(said) => format!("ok    {:<28} {said}", finding.party),
        Err(why) => format!("DOWN  {:<28} {why}", finding.party),
    }
}

fn to_json(finding: &Finding) -> serde_json::Value {
    match &finding.result {
        Ok(said) => json!({"party": finding.party, "ok": true, "said": said}),
        Err(why) => json!({"party": finding.party, "ok": false, "problem": why}),
    }
}
