//! After the healing: everything drains, a fresh message gets through, and what was promised, what
//! was on the wire and what the agencies were told must agree.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::book::{Promise, by_text};
use super::case::Case;
use super::world::{AGENCIES, MAIL_RATE, SMS_RATE, World};
use crate::parts::jobs;
use crate::parts::oracle::Arrival;
use crate::parts::steady::until;
use crate::parts::worker::read;

/// Everything is settled and told so long after the healing: circuits close by and by, and retries
/// have a budget.
const DRAIN: Duration = Duration::from_secs(240);
/// A fresh urgent message is on the wire so long after its job was taken (I-16).
const FRESH: Duration = Duration::from_secs(10);
/// Problems of one kind are told so many times.
const SHOWN: usize = 4;

/// What was seen.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Recipients of all promised jobs.
    pub(crate) messages: usize,
    /// Faults, by kind.
    pub(crate) thrown: BTreeMap<&'static str, u64>,
    /// Tries without a complete answer.
    pub(crate) unknown: u64,
    /// Messages that arrived twice.
    pub(crate) duplicates: usize,
    /// Promised recipients of whom nothing final was told.
    pub(crate) lost: usize,
    /// From the healing to the last final word.
    pub(crate) drain: Duration,
    /// Promises that were not kept.
    pub(crate) problems: Vec<String>,
}

impl Verdict {
    /// In a line.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} messages, thrown {:?}, {} unknown, {} duplicates, {} lost, drained in {:.1} s",
            self.messages,
            self.thrown,
            self.unknown,
            self.duplicates,
            self.lost,
            self.drain.as_secs_f64()
        )
    }
}

/// Waits, and compares.
///
/// # Errors
/// The fleet cannot be asked.
pub(crate) async fn reach(world: &World, case: Case) -> anyhow::Result<Verdict> {
    let healed = Instant::now();
    let promises = world.book.all();
    let mut told = Told::default();
    let mut lost = usize::MAX;
    while lost > 0 && healed.elapsed() < DRAIN {
        tokio::time::sleep(Duration::from_millis(300)).await;
        told = Told::by(world);
        lost = told.missing(&promises).len();
    }
    let drain = healed.elapsed();
    let mut problems = Vec::new();
    let missing = told.missing(&promises);
    complain(&mut problems, "nothing final was told of", &missing);
    if !missing.is_empty() {
        for (agency, feed) in AGENCIES.iter().zip(&world.feeds) {
            let queue = queue(world, agency).await;
            problems.push(format!("what {agency} was told: {}; {queue}", feed.state()));
        }
    }
    if !fresh(world).await? {
        problems.push("a fresh urgent message did not get through in time".to_owned());
    }
    let wire = Wire::of(world);
    wire.compare(&promises, &told, case, &mut problems);
    told.check(world, &mut problems);
    rates(world, &mut problems);
    secrets(world, &mut problems);
    for what in case.must_see() {
        if world.thrown.get(what).is_none_or(|count| *count == 0) {
            problems.push(format!("the case shows nothing: no {what}"));
        }
    }
    let unknown = unknown(world).await?;
    if unknown == 0 && case.must_be_unknown() {
        problems.push("the case shows nothing: no try became unknown".to_owned());
    }
    if unknown > 0 && !case.is_ambiguous() {
        problems.push(format!(
            "{unknown} tries are unknown although nothing was ambiguous"
        ));
    }
    Ok(Verdict {
        messages: world.book.messages(),
        thrown: world.thrown.clone(),
        unknown,
        duplicates: wire.twice(),
        lost: missing.len(),
        drain,
        problems,
    })
}

/// What the broker says about an agency's queue of events.
async fn queue(world: &World, agency: &str) -> String {
    let Some(broker) = &world.fleet.broker else {
        return "no broker".to_owned();
    };
    let path = format!("queues/{}/budstikke.events.{agency}", broker.vhost);
    match world.fleet.manage(Method::GET, &path, None).await {
        Ok(queue) => format!(
            "its queue: {} ready, {} unacknowledged, {} consumers",
            queue["messages_ready"], queue["messages_unacknowledged"], queue["consumers"]
        ),
        Err(error) => format!("{error:#}"),
    }
}

/// Tells the first few of a kind.
fn complain(problems: &mut Vec<String>, what: &str, whom: &[String]) {
    let shown: Vec<_> = whom.iter().take(SHOWN).map(String::as_str).collect();
    if !whom.is_empty() {
        problems.push(format!("{what} {} ({}, …)", whom.len(), shown.join(", ")));
    }
}

/// The last word on one notification.
#[derive(Debug, Clone)]
struct Word {
    status: String,
    version: i64,
    possible_duplicate: bool,
}

/// What the agencies were told: by job and reference.
#[derive(Debug, Default)]
struct Told {
    last: HashMap<(String, String), Word>,
    wrong: Vec<String>,
}

impl Told {
    fn by(world: &World) -> Self {
        let mut told = Self::default();
        for feed in &world.feeds {
            for event in feed.events() {
                told.hear(&event);
            }
        }
        told
    }

    fn hear(&mut self, event: &Value) {
        let data = &event["data"];
        let (Some(job), Some(reference), Some(status)) = (
            data["job"].as_str(),
            data["ref"].as_str(),
            data["status"].as_str(),
        ) else {
            return;
        };
        let word = Word {
            status: status.to_owned(),
            version: data["version"].as_i64().unwrap_or(0),
            possible_duplicate: data["possible_duplicate"] == true,
        };
        let key = (job.to_owned(), reference.to_owned());
        if let Some(before) = self.last.get(&key) {
            // The same event may come again after a broken confirm.
            if word.version <= before.version {
                return;
            }
            let may = match before.status.as_str() {
                "uncertain" => ["delivered", "failed", "sent"].contains(&status),
                "sent" => ["delivered", "failed"].contains(&status),
                _ => false,
            };
            if !may {
                self.wrong
                    .push(format!("{job}/{reference}: {} → {status}", before.status));
            }
        }
        self.last.insert(key, word);
    }

    /// Promised recipients without a final word.
    fn missing(&self, promises: &[Promise]) -> Vec<String> {
        let all = promises.iter().flat_map(|promise| {
            let of = |one: &super::book::Expected| (promise.job.clone(), one.reference.clone());
            promise.recipients.iter().map(of).collect::<Vec<_>>()
        });
        all.filter(|key| !self.last.contains_key(key))
            .map(|(job, reference)| format!("{job}/{reference}"))
            .collect()
    }

    fn check(&self, world: &World, problems: &mut Vec<String>) {
        complain(problems, "a settled status was left by", &self.wrong);
        for (agency, feed) in AGENCIES.iter().zip(&world.feeds) {
            if !feed.is_complete() {
                problems.push(format!("the events of {agency} have a number missing"));
            }
        }
    }
}

/// What was on the wire: arrivals that were taken, by text.
struct Wire {
    taken: HashMap<String, Vec<Arrival>>,
}

impl Wire {
    fn of(world: &World) -> Self {
        let mut taken: HashMap<String, Vec<Arrival>> = HashMap::new();
        let all = world.fleet.oracle.sms().into_iter();
        for arrival in all.chain(world.fleet.oracle.mail()) {
            if arrival.fate.arrived() {
                let text = arrival.text.to_string();
                taken.entry(text).or_default().push(arrival);
            }
        }
        Self { taken }
    }

    fn twice(&self) -> usize {
        self.taken.values().filter(|all| all.len() > 1).count()
    }

    fn compare(&self, promises: &[Promise], told: &Told, case: Case, problems: &mut Vec<String>) {
        let expected = by_text(promises);
        let (mut invented, mut too_often, mut untold, mut lies) = (vec![], vec![], vec![], vec![]);
        for (text, arrivals) in &self.taken {
            if text.starts_with("fresh") {
                continue;
            }
            let Some((promise, one)) = expected.get(text.as_str()) else {
                invented.push(text.clone());
                continue;
            };
            if arrivals.iter().any(|arrival| *arrival.to != *one.to) {
                invented.push(format!("{text} at another address"));
            }
            let most = if promise.leave || !case.is_ambiguous() {
                1
            } else {
                2
            };
            if arrivals.len() > most {
                too_often.push(format!("{text} {} times", arrivals.len()));
            }
            let word = told.last.get(&(promise.job.clone(), one.reference.clone()));
            if arrivals.len() > 1 && word.is_some_and(|word| !word.possible_duplicate) {
                untold.push(text.clone());
            }
            if word.is_some_and(|word| matches!(word.status.as_str(), "not_sent" | "cancelled")) {
                lies.push(format!("{text} is told not sent"));
            }
        }
        for (text, (promise, one)) in &expected {
            let word = told.last.get(&(promise.job.clone(), one.reference.clone()));
            let claimed =
                word.is_some_and(|word| matches!(word.status.as_str(), "sent" | "delivered"));
            if claimed && !self.taken.contains_key(*text) {
                lies.push(format!("{text} is told sent"));
            }
        }
        complain(problems, "nobody ordered", &invented);
        complain(problems, "above the bound on duplicates:", &too_often);
        complain(problems, "a duplicate was not told:", &untold);
        complain(problems, "not true:", &lies);
    }
}

/// A fresh urgent message gets through without a hand.
async fn fresh(world: &World) -> anyhow::Result<bool> {
    let api = world.fleet.api(AGENCIES[0]).await?;
    let name = "fresh";
    let job = jobs::with(
        jobs::sms(name, "urgent", 9_999_000, 1, false),
        serde_json::json!({"message": {"nb": {"sms": "fresh"}}}),
    );
    api.submit(&job).await?;
    let place = || {
        world
            .fleet
            .oracle
            .sms()
            .iter()
            .any(|one| &*one.text == "fresh")
    };
    Ok(until(FRESH, place).await)
}

/// The point of no return, as the workers logged it, against the rates.
fn rates(world: &World, problems: &mut Vec<String>) {
    for (gateway, rate) in [("primary", SMS_RATE), ("relay", MAIL_RATE)] {
        let times: Vec<i64> = world
            .fleet
            .starts()
            .iter()
            .filter(|start| start.gateway == gateway)
            .map(|start| start.at_us)
            .collect();
        for window in [0.1, 1.0, 10.0] {
            let most = (rate * (window + 0.05) + 1.0).floor() as usize;
            let length = (window * 1e6) as i64;
            let mut first = 0;
            let mut worst = 0;
            for (last, at) in times.iter().enumerate() {
                while times[first] <= at - length {
                    first += 1;
                }
                worst = worst.max(last + 1 - first);
            }
            if worst > most {
                problems.push(format!(
                    "{worst} messages to {gateway} in {window} s; {most} are allowed"
                ));
            }
        }
    }
}

/// Numbers and addresses of people are never logged.
fn secrets(world: &World, problems: &mut Vec<String>) {
    for log in world.fleet.logs() {
        let text = read(log);
        if ["+479", "innbygger", " til 1"]
            .iter()
            .any(|word| text.contains(word))
        {
            problems.push(format!("{} names people or texts", log.display()));
        }
        if text.contains("panicked") {
            problems.push(format!("{} tells of a panic", log.display()));
        }
    }
}

async fn unknown(world: &World) -> anyhow::Result<u64> {
    let mut sql = world.fleet.sql().await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM try WHERE outcome = 3")
        .fetch_one(&mut sql)
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
