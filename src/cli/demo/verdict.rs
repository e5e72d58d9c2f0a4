//! Holds what became of everyone against what must have, and against what the sandbox received.

use std::collections::{BTreeMap, HashMap};

use crate::domain::event::NotificationFact;
use crate::domain::kinds::Channel;
use crate::domain::status::Status;
use crate::sandbox::mail::Mail;
use crate::sandbox::sms::Taken;

use super::people::Kind;
use super::scenario::Scenario;

/// What the sandbox received, by address.
#[derive(Debug, Default)]
pub struct Received {
    sms: HashMap<String, Vec<String>>,
    mail: HashMap<String, Vec<String>>,
}

impl Received {
    /// Sorts what came by address.
    pub fn new(sms: &[Taken], mail: &[std::sync::Arc<Mail>]) -> Self {
        let mut received = Self::default();
        for taken in sms {
            received
                .sms
                .entry(taken.to.to_string())
                .or_default()
                .push(taken.text.to_string());
        }
        for mail in mail {
            let text = mail.text().unwrap_or_default().replace("\r\n", "\n");
            for to in &mail.recipients {
                received
                    .mail
                    .entry(to.clone())
                    .or_default()
                    .push(text.clone());
            }
        }
        received
    }
}

/// The outcome table of a scenario: how many, by status, reason and channel; with duplicates.
pub type Outcomes = BTreeMap<(String, String, String), (u64, u64)>;

/// What is wrong, in words; empty: everything ended as expected.
pub fn judge(
    scenario: &Scenario,
    facts: &[NotificationFact],
    received: &Received,
) -> (Outcomes, Vec<String>) {
    let mut outcomes = Outcomes::new();
    let mut wrong = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for fact in facts {
        let key = (
            fact.status.to_string(),
            fact.reason
                .map_or(String::new(), |reason| reason.to_string()),
            fact.channel
                .map_or(String::new(), |channel| channel.to_string()),
        );
        let entry = outcomes.entry(key).or_default();
        entry.0 += 1;
        entry.1 += u64::from(fact.possible_duplicate);
        seen.insert(fact.reference.as_str().to_owned());
        if let Err(problem) = judge_one(scenario, fact, received) {
            wrong.push(format!("{} {}: {problem}", scenario.job, fact.reference));
        }
    }
    for reference in scenario.people.keys() {
        if !seen.contains(reference) {
            wrong.push(format!(
                "{} {reference}: nothing became of it",
                scenario.job
            ));
        }
    }
    (outcomes, wrong)
}

fn judge_one(
    scenario: &Scenario,
    fact: &NotificationFact,
    received: &Received,
) -> Result<(), String> {
    let (person, expected, texts) = scenario
        .people
        .get(fact.reference.as_str())
        .ok_or("nobody of this reference was enqueued")?;
    let paper = scenario.body["class"] == "letter" && expected.status == Status::NotSent;
    if (fact.status, fact.reason) != (expected.status, expected.reason) {
        return Err(format!(
            "is {} {:?}, must be {} {:?} ({:?})",
            fact.status, fact.reason, expected.status, expected.reason, person.kind
        ));
    }
    if fact.paper() != paper {
        return Err(format!("paper is {}, must be {paper}", fact.paper()));
    }
    if expected.channel.is_some() && fact.channel != expected.channel {
        return Err(format!(
            "went by {:?}, must go by {:?}",
            fact.channel, expected.channel
        ));
    }
    // The same text may have gone to a shared phone once for each of two letters.
    let sharers = scenario
        .people
        .values()
        .filter(|(other, ..)| other.mobile == person.mobile);
    let sharers: Vec<&Kind> = sharers.map(|(other, ..)| &other.kind).collect();
    let sms = count(&received.sms, &person.mobile, &texts.sms);
    let mail = count(&received.mail, &person.email, &texts.email);
    let most = if fact.possible_duplicate || sharers.len() > 1 {
        2 * sharers.len()
    } else {
        1
    };
    match expected.channel {
        Some(Channel::Sms) if mail > 0 => Err("got an e-mail as well".to_owned()),
        Some(Channel::Sms) if sms == 0 => Err("got no SMS".to_owned()),
        Some(Channel::Sms) if sms > most => Err(format!("got {sms} SMS")),
        Some(Channel::Email) if mail == 0 => Err("got no e-mail".to_owned()),
        Some(Channel::Email) if mail > 1 && !fact.possible_duplicate => {
            Err(format!("got {mail} e-mails"))
        }
        None if mail > 0 => Err("got an e-mail".to_owned()),
        None if sms > 0 && sharers.len() < 2 => Err("got an SMS".to_owned()),
        Some(Channel::Sms | Channel::Email) | None => Ok(()),
    }
}

fn count(by_address: &HashMap<String, Vec<String>>, address: &str, text: &str) -> usize {
    let wanted = text.trim_end();
    by_address.get(address).map_or(0, |texts| {
        texts.iter().filter(|got| got.trim_end() == wanted).count()
    })
}
