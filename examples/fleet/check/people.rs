//! Statements 8, 9 and 11: fallback, reminders, shared addresses. Persons of a register.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use budstikke::adapters::clock::SystemClock;
use budstikke::domain::person::PersonNumber;
use budstikke::ports::clock::Clock as _;
use serde_json::{Value, json};

use super::table::Row;
use crate::parts::env::Env;
use crate::parts::fleet::Fleet;
use crate::parts::jobs;
use crate::parts::oracle::Manners;
use crate::parts::plan::Plan;

const PERSONS: u32 = 600;
/// One in so many has a number that the gateway refuses for good.
const REFUSED_EACH: usize = 4;
const SETTLED: Duration = Duration::from_secs(40);
/// Recipients of the shared addresses, and how many addresses they have.
const SHARING: usize = 3_000;
const ADDRESSES: usize = 1_000;

/// Plays the scenarios.
///
/// # Errors
/// The fleet cannot be started.
pub(super) async fn run(env: &Arc<Env>) -> anyhow::Result<Vec<Row>> {
    let plan = Plan::new("people")
        .agencies(&["oslo", "bergen"])
        .gateway("primary", 300.0, "")
        .relay("relay", 200.0, "");
    let fleet = Fleet::start(env, plan, 3).await?;
    let file = fleet.folder().join("people.ndjson");
    std::fs::write(&file, register())?;
    let path = file.display().to_string();
    fleet.command(&["register", "import", &path]).await?;
    // The numbers that end so are refused.
    let refused = |to: &str| to.ends_with(REFUSED);
    fleet.oracle.behave(0, Manners::default().refuse(refused));
    let mut rows = fallback(&fleet).await?;
    rows.extend(shared(&fleet).await?);
    rows.push(Row::pure(
        "reminders: due, on another day, not after `opened` (days are not shortened here)",
        "tests/plan.rs, tests/api/notifications.rs, tests/store_contract",
    ));
    Ok(rows)
}

const REFUSED: &str = "13";

fn mobile(index: u32) -> String {
    let end = if (index as usize).is_multiple_of(REFUSED_EACH) {
        REFUSED
    } else {
        "00"
    };
    format!("+4795{index:04}{end}")
}

fn mail(index: u32) -> String {
    format!("person{index}@post.example")
}

/// Persons with a mobile and an e-mail address; those from `PERSONS` on share one mobile, in pairs.
fn register() -> String {
    let fresh = SystemClock
        .now()
        .minus(Duration::from_hours(24 * 30))
        .to_string();
    let person = |index: u32, mobile: String| {
        let person = json!({
        "personidentifikator": PersonNumber::synthetic(index).expose(),
        "reservasjon": "NEI", "status": "AKTIV", "varslingsstatus": "KAN_VARSLES",
        "spraak": "nb",
        "kontaktinformasjon": {
            "mobiltelefonnummer": mobile, "mobiltelefonnummer_oppdatert": fresh,
            "epostadresse": mail(index), "epostadresse_oppdatert": fresh,
        }});
        format!("{person}\n")
    };
    let alone = (0..PERSONS).map(|index| person(index, mobile(index)));
    let pairs = (PERSONS..PERSONS + 100).map(|index| {
        let owner = (index - PERSONS) / 2;
        person(index, format!("+4796{owner:04}00"))
    });
    alone.chain(pairs).collect()
}

fn job(name: &str, class: &str, persons: std::ops::Range<u32>) -> Value {
    let recipients: Vec<Value> = persons
        .map(|index| json!({"person": PersonNumber::synthetic(index).expose()}))
        .collect();
    json!({"job": name, "class": class, "purpose": "Prøve", "window": "anytime",
        "channel": "sms_preferred",
        "message": {"nb": {"sms": format!("{name} til deg."),
            "email": {"subject": format!("{name} til deg"), "text": "Hei."}}},
        "recipients": recipients})
}

/// How many messages of a job each receiver got, by SMS and by e-mail.
fn received(fleet: &Fleet, name: &str) -> (HashMap<String, u32>, HashMap<String, u32>) {
    let count = |arrivals: Vec<crate::parts::oracle::Arrival>| {
        let mut by = HashMap::new();
        let begin = format!("{name} ");
        for one in arrivals {
            if one.fate.arrived() && one.text.starts_with(&begin) {
                *by.entry(one.to.to_string()).or_insert(0) += 1;
            }
        }
        by
    };
    (count(fleet.oracle.sms()), count(fleet.oracle.mail()))
}

async fn fallback(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    let api = fleet.api("oslo").await?;
    let mut rows = Vec::new();
    for class in ["letter", "service_message"] {
        let name = format!("fallback-{class}");
        api.submit(&job(&name, class, 0..PERSONS)).await?;
        let view = api.finished(&name, SETTLED).await?;
        let (sms, mails) = received(fleet, &name);
        let (mut once, mut wrong) = (0, 0);
        for index in 0..PERSONS {
            let by_sms = sms.get(&mobile(index)).copied().unwrap_or_default();
            let by_mail = mails.get(&mail(index)).copied().unwrap_or_default();
            let refused = (index as usize).is_multiple_of(REFUSED_EACH);
            let wanted = if refused { (0, 1) } else { (1, 0) };
            if (by_sms, by_mail) == wanted {
                once += u32::from(refused);
            } else {
                wrong += 1;
            }
        }
        rows.push(Row::new(
            format!("{class}: refused numbers fall back to e-mail once; nobody gets both"),
            format!("{} fall back, 0 wrong", PERSONS as usize / REFUSED_EACH),
            format!("{once} fall back, {wrong} wrong; {}", view["totals"]),
            wrong == 0 && once as usize == PERSONS as usize / REFUSED_EACH,
        ));
    }
    Ok(rows)
}

async fn shared(fleet: &Fleet) -> anyhow::Result<Vec<Row>> {
    fleet.oracle.behave(0, Manners::default());
    let api = fleet.api("bergen").await?;
    // Each address three times, far apart, so that several workers hold them.
    let recipients: Vec<Value> = (0..SHARING)
        .map(|index| json!({"phone": jobs::phone(index % ADDRESSES + 7_000_000)}))
        .collect();
    let street = jobs::with(
        jobs::sms("gate", "normal", 0, 1, false),
        json!({"recipients": recipients, "message": {"nb": {"sms": "gate måkes i dag."}}}),
    );
    api.submit(&street).await?;
    let view = api.finished("gate", SETTLED).await?;
    let (sms, _) = received(fleet, "gate");
    let most = sms.values().max().copied().unwrap_or_default();
    let is_covered = |one: &&Value| one["reason"] == "covered" && one["covered_by"].is_string();
    let all = api.notifications("gate").await?;
    let covered = all.iter().filter(is_covered).count();
    let mut rows = vec![Row::new(
        format!("{SHARING} recipients with {ADDRESSES} addresses, one service job, 3 workers"),
        "one message each, the rest covered",
        format!(
            "{} messages, at most {most} each, {covered} covered; {}",
            sms.len(),
            view["totals"]
        ),
        sms.len() == ADDRESSES && most == 1 && covered == SHARING - ADDRESSES,
    )];
    let persons = PERSONS..PERSONS + 100;
    for (class, each) in [("letter", 2), ("service_message", 1)] {
        let name = format!("delt-{class}");
        api.submit(&job(&name, class, persons.clone())).await?;
        api.finished(&name, SETTLED).await?;
        let (sms, _) = received(fleet, &name);
        let right = sms.values().filter(|count| **count == each).count();
        rows.push(Row::new(
            format!("{class} to two persons with one mobile"),
            format!("{each} message(s) to each of 50"),
            format!("{right} of {}", sms.len()),
            right == 50 && sms.len() == 50,
        ));
    }
    Ok(rows)
}
