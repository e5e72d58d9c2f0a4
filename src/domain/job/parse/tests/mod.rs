use serde_json::{Value, json};

use super::*;
use crate::domain::job::{Job, Side, To};
use crate::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Language, Window};
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;

mod addressed;
mod filled;
mod shaped;

fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

fn rules() -> ParseRules<'static> {
    ParseRules {
        allow_synthetic: true,
        classes: Class::ALL,
        municipality: Some("0301"),
        lane_of_queue: None,
        now: at("2029-06-01T00:00:00Z"),
    }
}

fn read_by(job: &Value, rules: &ParseRules<'_>) -> Result<Job, Rejected> {
    parse(job.to_string().as_bytes(), rules)
}

fn read(job: &Value) -> Result<Job, Rejected> {
    read_by(job, &rules())
}

/// Pointers and texts of what is wrong, as `pointer: text`.
fn wrong(job: &Value) -> Vec<String> {
    wrong_by(job, &rules())
}

fn wrong_by(job: &Value, rules: &ParseRules<'_>) -> Vec<String> {
    let rejected = read_by(job, rules).unwrap_err();
    let line = |p: &crate::domain::event::Problem| format!("{}: {}", p.pointer, p.problem);
    rejected.problems.iter().map(line).collect()
}

/// Only the pointers.
fn places(job: &Value) -> Vec<String> {
    let rejected = read(job).unwrap_err();
    rejected.problems.into_iter().map(|p| p.pointer).collect()
}

/// The example of the contract's section 2.
fn example() -> Value {
    json!({
        "job": "appointment-8831",
        "class": "service_message",
        "purpose": "Outpatient appointment reminder",
        "lane": "normal",
        "channel": "sms_preferred",
        "language": "nb",
        "message": {
            "nb": { "sms": "Time hos oss {{ time }}.",
                    "email": { "subject": "Påminnelse om time", "text": "Hei, du har time {{ time }}.", "html": null } },
            "en": { "sms": "Appointment {{ time }}.",
                    "email": { "subject": "Appointment reminder", "text": "You have an appointment {{ time }}." } }
        },
        "recipients": [
            { "ref": "row-1", "person": "20914695016", "values": { "time": "tirsdag 09:30" } },
            { "ref": "row-2", "phone": "+4799999999", "values": { "time": "tirsdag 10:00" } },
            { "ref": "row-3", "email": "kari@example.no", "values": { "time": "tirsdag 10:30" } }
        ],
        "send_after": "2030-01-01T08:00:00+01:00",
        "expires": "2030-01-02T09:00:00+01:00",
        "window": "daytime",
        "if_uncertain": "resend"
    })
}

/// The example with some fields replaced; `null` takes a field out.
fn with(changes: Value) -> Value {
    let mut job = example();
    for (name, value) in changes.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

/// One SMS to one phone, as small as a job can be.
fn small(changes: Value) -> Value {
    let mut job = json!({
        "job": "a", "class": "service_message", "message": {"nb": {"sms": "Hei"}},
        "recipients": [{"phone": "99999999"}],
    });
    for (name, value) in changes.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

fn letter(changes: Value) -> Value {
    let mut job = json!({
        "job": "a", "class": "letter", "purpose": "Decision", "message": {"nb": {"sms": "Brev", "email": {"subject": "Brev", "text": "Brev"}}},
        "recipients": [{"person": PersonNumber::synthetic(1).expose()}],
    });
    for (name, value) in changes.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

#[test]
fn the_contracts_example_is_read_whole() {
    let job = read(&example()).unwrap();
    assert_eq!(job.name.as_str(), "appointment-8831");
    assert_eq!(job.rules.class, Class::ServiceMessage);
    assert_eq!(
        job.rules.purpose.as_deref(),
        Some("Outpatient appointment reminder")
    );
    assert_eq!(job.rules.send_after, Some(at("2030-01-01T07:00:00Z")));
    assert_eq!(job.rules.expires, Some(at("2030-01-02T08:00:00Z")));
    assert_eq!(job.rules.window, Some(Window::Daytime));
    assert_eq!(job.message.texts.len(), 2);
    assert_eq!(job.recipients.len(), 3);
    assert_eq!(job.recipients[1].reference.as_str(), "row-2");
    assert!(matches!(&job.recipients[2].to, To::Email(to) if to.expose() == "kari@example.no"));
    assert_eq!(job.recipients[0].values["time"], json!("tirsdag 09:30"));
}

#[test]
fn what_is_left_out_has_the_contracts_defaults() {
    let job = read(&small(
        json!({"recipients": [{"phone": "99999999"}, {"phone": "40000000"}]}),
    ));
    let job = job.unwrap();
    let rules = &job.rules;
    assert_eq!(
        (rules.lane, rules.channel),
        (Lane::Normal, ChannelRule::SmsPreferred)
    );
    assert_eq!(
        (rules.language, rules.if_uncertain),
        (Language::Nb, IfUncertain::Resend)
    );
    assert_eq!(
        (rules.window, rules.expires, rules.send_after),
        (None, None, None)
    );
    assert!(rules.reminders.is_empty() && rules.audience.is_none() && rules.purpose.is_none());
    let references: Vec<_> = job
        .recipients
        .iter()
        .map(|r| r.reference.as_str())
        .collect();
    assert_eq!(references, ["1", "2"]);
}

#[test]
fn the_same_content_has_the_same_hash_however_it_is_written() {
    let one = parse(br#"{"job":"a","class":"service_message","message":{"nb":{"sms":"Hei"}},"recipients":[{"phone":"99999999"}]}"#, &rules()).unwrap();
    let two = parse("\u{feff} {\"class\" : \"service_message\", \"recipients\":[ {\"phone\":\"99999\\u00399\\u0039\"}],\n\"message\":{\"nb\":{\"sms\":\"Hei\"}}, \"job\":\"a\"}".as_bytes(), &rules()).unwrap();
    assert_eq!(one.content_hash, two.content_hash);
    let other = read(&small(json!({"lane": "normal"}))).unwrap();
    assert_ne!(one.content_hash, other.content_hash);
}

#[test]
fn all_problems_come_at_once_each_with_its_place() {
    let job = with(json!({
        "class": "leter", "lane": "fast", "expires": "tomorrow", "window": 7, "if_uncertain": "retry",
        "recipient": [], "agency": "oslo",
        "recipients": [{"phone": "22225555"}, {"person": "1"}, {}, {"ref": "a b", "email": "x"}],
    }));
    let rejected = read(&job).unwrap_err();
    assert_eq!(rejected.job.unwrap().as_str(), "appointment-8831");
    let places: Vec<_> = rejected
        .problems
        .iter()
        .map(|p| p.pointer.as_str())
        .collect();
    for place in [
        "/class",
        "/lane",
        "/expires",
        "/window",
        "/if_uncertain",
        "/recipient",
        "/agency",
        "/recipients/0/phone",
        "/recipients/1/person",
        "/recipients/2",
        "/recipients/3/ref",
        "/recipients/3/email",
        "/recipients/0/values/time",
    ] {
        assert!(places.contains(&place), "{place} is not among {places:?}");
    }
}

#[test]
fn more_than_a_hundred_problems_are_cut_and_counted() {
    let recipients: Vec<_> = (0..1_000).map(|_| json!({"phone": "1"})).collect();
    let wrong = wrong(&small(json!({"recipients": recipients})));
    assert_eq!(wrong.len(), MAX_PROBLEMS + 1);
    assert_eq!(
        wrong[MAX_PROBLEMS],
        ": and 900 more problems that are not listed"
    );
}

#[test]
fn problems_never_repeat_what_is_personal() {
    let job = with(json!({
        "recipients": [
            {"person": "01410199830"}, {"phone": "22225555"}, {"email": "kari nordmann@example.no"},
            {"person": "20914695016", "20914695016": 1, "kari@example.no": 2, "values": {"99999999": null}},
        ],
    }));
    let text = wrong(&job).join("\n");
    for personal in [
        "014101",
        "22225555",
        "nordmann",
        "20914695016",
        "kari@",
        "99999999",
    ] {
        assert!(!text.contains(personal), "{personal} stands in {text}");
    }
    assert!(
        text.contains("/recipients/3: has a field that is not a known field"),
        "{text}"
    );
}
