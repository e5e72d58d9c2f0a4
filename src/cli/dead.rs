//! `budstikke dead list|show|replay`: messages that were refused or given up.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::json;

use super::args::Global;
use super::context::{Failure, load, note, say, say_json};
use super::submit::report::{counted, grouped};
use crate::adapters::amqp::DeadLetters;
use crate::adapters::amqp::dead::DeadLetter;
use crate::app::build;

/// Dead letters: messages that were refused or given up.
#[derive(Debug, Args)]
pub struct Dead {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// List the oldest dead letters; all of them stay.
    List {
        /// How many at most.
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
    },
    /// Show one dead letter; it stays.
    Show {
        /// Its id, as `dead list` shows it.
        id: String,
        /// Show what was in it, too: persons may be in it.
        #[arg(long)]
        body: bool,
    },
    /// Send dead letters again as their senders', and remove them once the broker has the copies.
    Replay {
        /// Their ids, as `dead list` shows them.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

impl Dead {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = load(global)?;
        let settings = build::amqp_settings(&config)?.ok_or_else(|| {
            anyhow!("there is no [amqp] in the configuration, so there are no dead letters; add `[amqp]` with `url`")
        })?;
        let letters = DeadLetters::connect(settings)
            .await
            .context("the dead letters cannot be read")?;
        let done = match &self.command {
            DeadCommand::List { limit } => list(&letters, *limit, global).await,
            DeadCommand::Show { id, body } => show(&letters, id, *body, global).await,
            DeadCommand::Replay { ids } => replay(&letters, ids, global).await,
        };
        letters.close().await;
        Ok(done?)
    }
}

async fn list(letters: &DeadLetters, limit: usize, global: &Global) -> anyhow::Result<ExitCode> {
    let found = letters.list(limit).await?;
    if global.json {
        say_json(&json!({"letters": found}));
    } else if found.is_empty() {
        say("there are no dead letters");
    } else {
        say(table(&found));
        if found.len() == limit {
            note(format!(
                "these are the oldest {}; there may be more (--limit)",
                grouped(limit as u64)
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(letters: &[DeadLetter]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["id", "at", "reason", "user", "routing key", "bytes"]);
    for letter in letters {
        table.add_row([
            letter.id.clone(),
            letter.at.clone().unwrap_or_default(),
            printable(&letter.reason),
            printable(letter.user.as_deref().unwrap_or("–")),
            printable(&letter.routing_key),
            grouped(letter.body_bytes as u64),
        ]);
    }
    table.trim_fmt()
}

async fn show(
    letters: &DeadLetters,
    id: &str,
    body: bool,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let letter = letters.show(id).await?;
    let text = body.then(|| String::from_utf8_lossy(letter.body()).into_owned());
    if global.json {
        say_json(&json!({"letter": letter, "body": text}));
        return Ok(ExitCode::SUCCESS);
    }
    say(facts(&letter));
    match text {
        Some(text) => say(format!("\n{}", text.replace('\u{1b}', "␛"))),
        None => note("--body shows what was in it; persons may be in it"),
    }
    Ok(ExitCode::SUCCESS)
}

fn facts(letter: &DeadLetter) -> String {
    let kept = if letter.body_kept { "" } else { ", not kept" };
    let bytes = format!("{} bytes{kept}", grouped(letter.body_bytes as u64));
    let absent = || "–".to_owned();
    [
        ("id", letter.id.clone()),
        ("reason", letter.reason.clone()),
        ("at", letter.at.clone().unwrap_or_else(absent)),
        ("queue", letter.queue.clone().unwrap_or_else(absent)),
        ("user", letter.user.clone().unwrap_or_else(absent)),
        ("routing key", letter.routing_key.clone()),
        (
            "message id",
            letter.message_id.clone().unwrap_or_else(absent),
        ),
        ("type", letter.kind.clone().unwrap_or_else(absent)),
        ("body", bytes),
    ]
    .map(|(name, value)| format!("{name:<13}{}", printable(&value)))
    .join("\n")
}

/// What a sender wrote must not move the terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

async fn replay(
    letters: &DeadLetters,
    ids: &[String],
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let (mut replayed, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        match letters.replay(id).await {
            Ok(letter) => replayed.push(letter.id),
            Err(error) => failed.push((id, format!("{:#}", anyhow::Error::from(error)))),
        }
    }
    if global.json {
        let failed: Vec<_> = failed
            .iter()
            .map(|(id, why)| json!({"id": id, "problem": why}))
            .collect();
        say_json(&json!({"replayed": replayed, "failed": failed}));
    } else {
        for (_, why) in &failed {
            note(format!("error: {why}"));
        }
        say(format!(
            "{} replayed",
            counted(replayed.len() as u64, "letter")
        ));
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
