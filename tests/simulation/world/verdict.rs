//! Judges a seed when it is over: I-1, I-3, I-8, I-9, I-10, truthfulness.

use std::collections::BTreeMap;

use budstikke::domain::event::{Event, EventKind};
use budstikke::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Occasion, Position};
use budstikke::domain::kinds::{Channel, ChannelRule};
use budstikke::domain::receipt::ReceiptStatus;
use budstikke::ports::store::{Jobs as _, Outbox as _};
use serde_json::Value;

use super::bounds;
use super::fleet::{Fleet, Line};
use super::oracle::{Known, Oracle, Wire};
use super::outside::Outside;
use super::trail;
use super::workload::Whom;

/// What is told of a delivery, in order of version: status, and whether twice is possible.
type Told = BTreeMap<(Position, Occasion, String), Vec<(i64, String, bool, Option<String>)>>;

/// Every job has come to its end, as far as its agency knows; of one with reminders for later
/// days, the occasions up to this day.
pub fn all_ended(oracle: &Oracle, day: u8) -> bool {
    oracle.jobs.iter().all(|(key, known)| {
        ended(oracle, key) || known.spec.reminders > day && so_far(oracle, known, day)
    })
}

fn so_far(oracle: &Oracle, known: &Known, day: u8) -> bool {
    let told = told(&events_of(oracle, known)).unwrap_or_default();
    known
        .no
        .is_some_and(|no| (0..=day).all(|occasion| complete(known, no, &told, occasion).is_empty()))
}

fn ended(oracle: &Oracle, (agency, name): &(usize, String)) -> bool {
    let inbox = oracle.inboxes.get(agency);
    inbox.into_iter().flatten().any(|event| {
        (event.kind == EventKind::JobFinished || rejects(event))
            && event
                .subject
                .as_ref()
                .is_some_and(|subject| subject.as_str() == name)
    })
}

/// The job itself is rejected, because it came too late; not a cancel that overtook it.
fn rejects(event: &Event) -> bool {
    event.kind == EventKind::JobRejected && event.data.contains("/expires")
}

/// What is still to be done, in words.
pub fn open(outside: &Outside) -> String {
    let state = outside.state.lock();
    let jobs: Vec<_> = state
        .oracle
        .jobs
        .keys()
        .filter(|key| !ended(&state.oracle, key))
        .collect();
    format!(
        "jobs {jobs:?}, {} receipts, broker empty: {}",
        state.receipts_open,
        state.broker.is_empty()
    )
}

/// Judges.
pub fn judge(fleet: &Fleet, lines: &[Line]) {
    let outside = &fleet.outside;
    let mut wrong = Vec::new();
    {
        let state = outside.state.lock();
        let oracle = &state.oracle;
        for (agency, inbox) in &oracle.inboxes {
            wrong.extend(gaps(*agency, inbox));
        }
        for known in oracle.jobs.values() {
            wrong.extend(judge_job(oracle, known));
        }
        wrong.extend(bounds::duplicates(oracle));
        for line in lines {
            wrong.extend(bounds::rate(oracle, line));
        }
    }
    wrong.extend(feeds(fleet));
    wrong.extend(trail::judge(fleet));
    for what in wrong {
        outside.violation(what);
    }
}

/// I-10 for the stream: gap-free, in order, a repeat says the same.
fn gaps(agency: usize, inbox: &[Event]) -> Vec<String> {
    let mut seen: Vec<&Event> = Vec::new();
    let mut wrong = Vec::new();
    for event in inbox {
        let index = usize::try_from(event.sequence).unwrap();
        if index <= seen.len() {
            if seen[index - 1] != event {
                wrong.push(format!(
                    "event {index} of agency {agency} comes twice with two contents"
                ));
            }
        } else if index == seen.len() + 1 {
            seen.push(event);
        } else {
            wrong.push(format!(
                "I-10: agency {agency} gets event {index} after {}",
                seen.len()
            ));
            return wrong;
        }
    }
    wrong
}

/// The feed says what was published, and the view of each job what was told last.
fn feeds(fleet: &Fleet) -> Vec<String> {
    let mut wrong = Vec::new();
    let state = fleet.outside.state.lock();
    fleet.store_runtime.block_on(async {
        for index in 0..fleet.outside.agencies.len() {
            let feed = fleet
                .real
                .feed(AgencyNo(index as i32 + 1), 0, 100_000)
                .await
                .unwrap();
            let mut got: Vec<Event> = state
                .oracle
                .inboxes
                .get(&index)
                .cloned()
                .unwrap_or_default();
            got.sort_by_key(|event| event.sequence);
            got.dedup();
            if feed != got {
                wrong.push(format!(
                    "I-1: agency {index} got {} of {} events",
                    got.len(),
                    feed.len()
                ));
            }
        }
    });
    drop(state);
    wrong.extend(unsettled(fleet, u8::MAX));
    wrong
}

/// What the store still has to do, occasions after `day` left out. A receipt that corrects a
/// delivery may begin another one long after its job was finished.
pub fn unsettled(fleet: &Fleet, day: u8) -> Vec<String> {
    let mut wrong = Vec::new();
    let state = fleet.outside.state.lock();
    fleet.store_runtime.block_on(async {
        for known in state
            .oracle
            .jobs
            .values()
            .filter(|known| known.no.is_some())
        {
            let name = JobName::parse(&known.spec.name).unwrap();
            let agency = AgencyNo(known.spec.agency as i32 + 1);
            let page = fleet
                .real
                .notifications(agency, &name, None, 10_000)
                .await
                .unwrap();
            for fact in page.map(|page| page.facts).unwrap_or_default() {
                if !fact.status.is_settled() && fact.occasion <= day {
                    wrong.push(format!(
                        "I-1: {name}/{} ends as {}",
                        fact.reference, fact.status
                    ));
                }
            }
        }
    });
    wrong
}

fn events_of<'a>(oracle: &'a Oracle, known: &Known) -> Vec<&'a Event> {
    let mut events: Vec<&Event> = oracle
        .inboxes
        .get(&known.spec.agency)
        .into_iter()
        .flatten()
        .filter(|event| {
            event
                .subject
                .as_ref()
                .is_some_and(|s| s.as_str() == known.spec.name)
        })
        .collect();
    events.sort_by_key(|event| event.sequence);
    events.dedup_by_key(|event| event.sequence);
    events
}

fn judge_job(oracle: &Oracle, known: &Known) -> Vec<String> {
    let name = &known.spec.name;
    let events = events_of(oracle, known);
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let mut wrong = Vec::new();
    let Some(no) = known.no else {
        if known.obliged && !events.iter().any(|event| rejects(event)) {
            wrong.push(format!(
                "I-1: {name} was confirmed and neither accepted nor rejected"
            ));
        }
        return wrong;
    };
    let first = |event: &&&Event| {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        event.kind == EventKind::JobAccepted && data["repeated"] == false
    };
    if events.iter().filter(first).count() != 1 {
        wrong.push(format!(
            "{name} was accepted, and its agency was not told exactly once"
        ));
    }
    if count(EventKind::JobFinished) != 1 {
        wrong.push(format!(
            "I-1: {name} has {} job.finished",
            count(EventKind::JobFinished)
        ));
    }
    if events.iter().any(|event| rejects(event)) {
        wrong.push(format!("{name} was accepted and rejected"));
    }
    if known.cancelled.is_some() && count(EventKind::JobCancelled) != 1 {
        wrong.push(format!(
            "{name} was cancelled and has {} job.cancelled",
            count(EventKind::JobCancelled)
        ));
    }
    let overtook =
        |event: &&&Event| event.kind == EventKind::JobRejected && event.data.contains("\"/job\"");
    // One that was tried again after its first answer was lost may have met the job at last.
    let met = known.cancelled.is_some() || known.too_late > 0;
    if known.overtaken > 0 && !met && !events.iter().any(|event| overtook(&event)) {
        wrong.push(format!(
            "I-11: a cancel of {name} came before it, and its agency was not told"
        ));
    }
    let told = match told(&events) {
        Ok(told) => told,
        Err(what) => {
            wrong.push(format!("{name}: {what}"));
            return wrong;
        }
    };
    for ((position, occasion, channel), versions) in &told {
        let what = format!("{name}/{}/{occasion}/{channel}", position + 1);
        wrong.extend(monotone(&what, versions));
        if let Some(channel) = Channel::from_word(channel) {
            let delivery = DeliveryId::of(no, *position, *occasion, channel);
            wrong.extend(truthful(oracle, &what, delivery, versions));
        }
    }
    for occasion in 0..=known.spec.reminders {
        wrong.extend(complete(known, no, &told, occasion));
    }
    wrong
}

fn told(events: &[&Event]) -> Result<Told, String> {
    let mut told = Told::new();
    for event in events {
        if !event.kind.as_str().starts_with("notification.") {
            continue;
        }
        let data: Value = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
        let text = |field: &str| data[field].as_str().map(str::to_owned);
        let reference: Position = text("ref").unwrap().parse().unwrap();
        let occasion = data["occasion"].as_u64().unwrap() as Occasion;
        let key = (reference - 1, occasion, text("channel").unwrap_or_default());
        told.entry(key).or_default().push((
            data["version"].as_i64().unwrap(),
            text("status").unwrap(),
            data["possible_duplicate"].as_bool().unwrap(),
            text("reason"),
        ));
    }
    Ok(told)
}

/// I-10: versions rise by one, and a final state is left only for a better truth.
fn monotone(what: &str, versions: &[(i64, String, bool, Option<String>)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, (version, ..)) in versions.iter().enumerate() {
        if *version != index as i64 + 1 {
            wrong.push(format!(
                "I-10: {what} has version {version} in place {}",
                index + 1
            ));
        }
    }
    for pair in versions.windows(2) {
        let (before, after) = (pair[0].1.as_str(), pair[1].1.as_str());
        let better = matches!(
            (before, after),
            ("sent", "delivered" | "failed")
                | ("failed", "delivered")
                | ("uncertain", "sent" | "delivered" | "failed")
        );
        if !better {
            wrong.push(format!("I-10: {what} goes from {before} to {after}"));
        }
    }
    wrong
}

fn wires_of(oracle: &Oracle, delivery: DeliveryId) -> Vec<&Wire> {
    oracle
        .wires
        .iter()
        .filter(|wire| wire.delivery == delivery)
        .collect()
}

/// What is told is true.
fn truthful(
    oracle: &Oracle,
    what: &str,
    delivery: DeliveryId,
    versions: &[(i64, String, bool, Option<String>)],
) -> Vec<String> {
    let wires = wires_of(oracle, delivery);
    let taken = wires.iter().filter(|wire| wire.taken.is_some()).count();
    let reports: Vec<ReceiptStatus> = wires
        .iter()
        .flat_map(|wire| wire.reported.clone())
        .collect();
    let reported = |status| reports.contains(&status);
    let mut wrong = Vec::new();
    for (_, status, _, reason) in versions {
        let lie = match status.as_str() {
            "sent" => taken == 0,
            "delivered" => taken == 0 || !reported(ReceiptStatus::Delivered),
            "failed" => {
                taken > 0
                    && !reports
                        .iter()
                        .any(|r| matches!(r, ReceiptStatus::Failed(_) | ReceiptStatus::Expired))
            }
            "not_sent" | "cancelled" => taken > 0,
            _ => false,
        };
        if lie {
            wrong.push(format!(
                "{what} is told to be {status} {reason:?}, and was taken over {taken} times"
            ));
        }
    }
    if taken > 1
        && versions
            .last()
            .is_some_and(|(_, _, duplicate, _)| !duplicate)
    {
        wrong.push(format!(
            "{what} was taken over twice, and its agency is not told that it may be"
        ));
    }
    wrong
}

/// I-1: every recipient's occasion ends.
fn complete(known: &Known, no: JobNo, told: &Told, occasion: Occasion) -> Vec<String> {
    let mut wrong = Vec::new();
    for (position, (whom, _)) in known.spec.recipients.iter().enumerate() {
        let ends = told
            .keys()
            .filter(|(p, o, _)| usize::from(*p) == position && *o == occasion)
            .count();
        let both = known.spec.rule == ChannelRule::Both && matches!(whom, Whom::Person(_));
        let wanted = if both { 2 } else { 1 };
        if ends < wanted {
            let name = &known.spec.name;
            wrong.push(format!(
                "I-1: {name}/{}/{occasion} (job {no}) has {ends} ends",
                position + 1
            ));
        }
    }
    wrong
}
