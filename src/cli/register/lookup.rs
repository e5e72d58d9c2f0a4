//! `budstikke register lookup`: what the register says of a person, and what it means.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use super::command::Lookup;
use super::flat::{COLUMNS, to_row};
use crate::app::build;
use crate::cli::args::Global;
use crate::cli::context::{Failure, load, say, say_json};
use crate::cli::file_text;
use crate::domain::audit::AuditKeys;
use crate::domain::contact::{Contact, Registration};
use crate::domain::job::{Rules, To};
use crate::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Language};
use crate::domain::krr_person::KrrPerson;
use crate::domain::opt_out::OptedOut;
use crate::domain::person::PersonNumber;
use crate::domain::plan::{Case, Verdict, decide};
use crate::domain::time::Timestamp;
use crate::domain::window::DayWindow;
use crate::pipeline::trail::Trail;

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(lookup: &Lookup, global: &Global) -> Result<ExitCode, Failure> {
    let config = load(global)?;
    let raw = match lookup.person.as_str() {
        "-" => String::from_utf8(file_text::read("-".as_ref())?)
            .context("the standard input is no text")?,
        raw => raw.to_owned(),
    };
    let person =
        PersonNumber::parse(raw.trim()).map_err(|error| anyhow!("the identity number {error}"))?;
    let hours = config.window.hours().context("window")?;
    let clock = build::clock();
    let now = clock.now();
    let trail_clock = Arc::clone(&clock);
    let store = build::store(&config, clock, build::Opening::Shared).await?;
    let rows = store
        .contacts(std::slice::from_ref(&person))
        .await
        .map_err(anyhow::Error::from)?;
    let krr = match rows.first() {
        None => None,
        Some(row) => Some(
            serde_json::from_str::<KrrPerson>(&row.document)
                .ok()
                .context("the row of this person cannot be read; import the person again")?,
        ),
    };
    let contact = match &krr {
        Some(krr) => krr.to_contact(person),
        None => Contact::not_registered(person),
    };
    let decisions = decisions(&contact, &hours, now);
    let key = build::key(&config, store.as_ref()).await;
    let keys = AuditKeys::new(&key.map_err(anyhow::Error::from)?);
    let trail = Trail::new(Arc::clone(&store), trail_clock, keys);
    trail
        .record_by_hand(&contact, &lookup.purpose)
        .await
        .context("the look-up is not in the audit, so its answer is not shown")?;
    if global.json {
        say_json(&json!({"register": krr, "decisions": to_json(&decisions)}));
    } else {
        match &krr {
            Some(krr) => say(facts(krr)),
            None => say("not in the local register"),
        }
        for decision in &decisions {
            say(decision.line());
        }
    }
    Ok(match contact.registration {
        Registration::NotRegistered => ExitCode::FAILURE,
        Registration::Active | Registration::Deleted | Registration::Other => ExitCode::SUCCESS,
    })
}

/// What the plan says of a class on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The class.
    pub class: Class,
    /// Which channels the job may use.
    pub rule: ChannelRule,
    /// What would be done now.
    pub verdict: Verdict,
}

/// What the plan says of the person now: each class, over SMS and over e-mail, in the lane normal.
pub fn decisions(contact: &Contact, hours: &DayWindow, now: Timestamp) -> Vec<Decision> {
    let to = To::Person(contact.person.clone());
    let mut decisions = Vec::new();
    for class in Class::ALL {
        for rule in [ChannelRule::Sms, ChannelRule::Email] {
            let rules = Rules {
                class: *class,
                purpose: None,
                lane: Lane::Normal,
                channel: rule,
                language: Language::Nb,
                send_after: None,
                expires: None,
                window: None,
                reminders: Vec::new(),
                if_uncertain: IfUncertain::Resend,
                audience: None,
                distinct: false,
            };
            let verdict = decide(&Case {
                rules: &rules,
                accepted_at: now,
                cancelled: false,
                to: Some(&to),
                contact: Some(contact),
                opted_out: OptedOut::NOTHING,
                opened: false,
                occasion: 0,
                channel: rule.first(),
                fixed: false,
                hours,
                now,
            });
            decisions.push(Decision {
                class: *class,
                rule,
                verdict,
            });
        }
    }
    decisions
}

impl Decision {
    fn line(&self) -> String {
        let verdict = match &self.verdict {
            Verdict::Send { .. } => "may be sent now".to_owned(),
            Verdict::Wait { until } => format!("may be sent from {until} (window daytime)"),
            Verdict::Withhold { reason } => format!("may not be sent: {reason}"),
        };
        format!(
            "{:<17}{:<7}{verdict}",
            self.class.as_str(),
            self.rule.as_str()
        )
    }

    fn json(&self) -> Value {
        match &self.verdict {
            Verdict::Send { .. } => json!({"verdict": "send"}),
            Verdict::Wait { until } => json!({"verdict": "wait", "until": until.to_string()}),
            Verdict::Withhold { reason } => {
                json!({"verdict": "withhold", "reason": reason.as_str()})
            }
        }
    }
}

fn to_json(decisions: &[Decision]) -> Value {
    let mut classes = serde_json::Map::new();
    for decision in decisions {
        let class = classes
            .entry(decision.class.as_str())
            .or_insert_with(|| json!({}));
        class[decision.rule.as_str()] = decision.json();
    }
    Value::Object(classes)
}

fn facts(krr: &KrrPerson) -> String {
    let lines: Vec<String> = COLUMNS
        .iter()
        .zip(to_row(krr))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<36}{value}"))
        .collect();
    format!("{}\n", lines.join("\n"))
}
