//! The body and the fields that decide whether, when and where.

use proptest::prelude::*;

use super::*;

fn refused(body: &[u8]) -> String {
    let rejected = parse(body, &rules()).unwrap_err();
    assert_eq!((rejected.job, rejected.problems.len()), (None, 1));
    assert_eq!(rejected.problems[0].pointer, "");
    rejected.problems[0].problem.clone()
}

#[test]
fn a_body_that_is_no_json_object_is_refused_with_the_cause() {
    assert_eq!(refused(b""), "is empty; it must be a job in JSON");
    assert_eq!(refused(b"[]"), "must be an object, not a list");
    assert_eq!(refused(b"{\"job\":\"\xff\"}"), "is not UTF-8 after byte 8");
    assert!(refused(b"{\"job\":").starts_with("is not valid JSON: EOF"));
    assert_eq!(
        refused(&[b' '; MAX_BODY_BYTES + 1]),
        "is longer than 8 MiB; cut it into several jobs"
    );
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(
        refused(deep(33).as_bytes()),
        "nests objects and lists deeper than 32 levels"
    );
    assert_eq!(
        refused(deep(32).as_bytes()),
        "must be an object, not a list"
    );
    assert_eq!(
        refused(&[b'['; 1_000_000]),
        "nests objects and lists deeper than 32 levels"
    );
    let brackets = small(json!({"message": {"nb": {"sms": "[".repeat(100) + "\\\"{"}}}));
    assert!(read(&brackets).is_ok());
}

#[test]
fn required_fields_are_named_when_they_are_missing() {
    for field in ["job", "class", "message"] {
        assert!(wrong(&small(json!({field: null}))).contains(&format!("/{field}: is missing")));
    }
    assert_eq!(
        wrong(&small(json!({"recipients": null}))),
        ["/recipients: is missing; a job needs recipients, or an audience"]
    );
}

#[test]
fn an_unknown_field_is_named_with_the_nearest_known_one() {
    assert_eq!(
        wrong(&small(
            json!({"expire": 1, "Chanel": 2, "xyzzy": 3, "a/b~c": 4})
        )),
        [
            "/expire: is not a known field; did you mean expires?",
            "/Chanel: is not a known field; did you mean channel?",
            "/xyzzy: is not a known field; known are job, class, purpose, lane, channel, language, message, recipients, audience, send_after, expires, window, reminders, if_uncertain",
            "/a~1b~0c: is not a known field; known are job, class, purpose, lane, channel, language, message, recipients, audience, send_after, expires, window, reminders, if_uncertain",
        ]
    );
}

#[test]
fn wrong_types_and_words_say_what_is_expected() {
    for (change, wanted) in [
        (json!({"job": 7}), "/job: must be a string, not a number"),
        (
            json!({"job": "a b"}),
            "/job: must be 1 to 100 characters of A-Z a-z 0-9 . _ : -",
        ),
        (
            json!({"class": "letters"}),
            "/class: must be one of letter, service_message; did you mean letter?",
        ),
        (
            json!({"lane": "hasty"}),
            "/lane: must be one of urgent, normal, bulk",
        ),
        (
            json!({"channel": ["sms"]}),
            "/channel: must be a string, not a list",
        ),
        (
            json!({"channel": "smspreferred"}),
            "/channel: must be one of sms_preferred, email_preferred, sms, email, both; did you mean sms_preferred?",
        ),
        (
            json!({"window": true}),
            "/window: must be a string, not a boolean",
        ),
        (
            json!({"purpose": {}}),
            "/purpose: must be a string, not an object",
        ),
        (
            json!({"purpose": " "}),
            "/purpose: must be 1 to 200 characters on one line; it has 1",
        ),
        (
            json!({"purpose": "å".repeat(201)}),
            "/purpose: must be 1 to 200 characters on one line; it has 201",
        ),
        (
            json!({"message": "Hei"}),
            "/message: must be an object with a language as each field, not a string",
        ),
        (
            json!({"message": {"nb": {"sms": 1}}}),
            "/message/nb/sms: must be a string, not a number",
        ),
        (
            json!({"message": {"nb": {"sms": "a\0"}}}),
            "/message/nb/sms: must not contain the character U+0000",
        ),
        (
            json!({"recipients": {}}),
            "/recipients: must be a list, not an object",
        ),
        (
            json!({"recipients": []}),
            "/recipients: has 0 entries; it must have 1 to 10000",
        ),
        (
            json!({"recipients": [1]}),
            "/recipients/0: must be an object, not a number",
        ),
    ] {
        assert_eq!(wrong(&small(change.clone())), [wanted], "{change}");
    }
}

#[test]
fn a_class_that_the_agency_may_not_send_is_refused() {
    let rules = ParseRules {
        classes: &[Class::Letter],
        ..rules()
    };
    assert_eq!(
        wrong_by(&small(json!({})), &rules),
        ["/class: is service_message, which this agency may not send"]
    );
}

#[test]
fn the_lane_of_the_queue_wins_unless_the_body_asks_for_bulk_in_normal() {
    use Lane::{Bulk, Normal, Urgent};
    for (queue, body, wanted) in [
        (None, None, Ok(Normal)),
        (None, Some("urgent"), Ok(Urgent)),
        (None, Some("bulk"), Ok(Bulk)),
        (Some(Normal), None, Ok(Normal)),
        (Some(Normal), Some("normal"), Ok(Normal)),
        (Some(Normal), Some("bulk"), Ok(Bulk)),
        (Some(Urgent), None, Ok(Urgent)),
        (Some(Urgent), Some("urgent"), Ok(Urgent)),
        (Some(Normal), Some("urgent"), Err("/lane")),
        (Some(Urgent), Some("normal"), Err("/lane")),
        (Some(Urgent), Some("bulk"), Err("/lane")),
    ] {
        let read = read_by(
            &small(json!({"lane": body})),
            &ParseRules {
                lane_of_queue: queue,
                ..rules()
            },
        );
        let lane = read
            .map(|job| job.rules.lane)
            .map_err(|r| r.problems[0].pointer.clone());
        assert_eq!(
            lane.as_ref().map_err(String::as_str),
            wanted.as_ref().map_err(|e| *e),
            "{queue:?} {body:?}"
        );
    }
}

#[test]
fn times_are_rfc_3339_with_an_offset() {
    for good in [
        "2030-01-01T08:00:00+01:00",
        "2030-01-01T08:00:00Z",
        "2030-01-01t08:00:00.25z",
        "2030-01-01T08:00:00-12:00",
    ] {
        assert!(read(&small(json!({"expires": good}))).is_ok(), "{good}");
    }
    for bad in [
        "2030-01-01",
        "2030-01-01T08:00:00",
        "2030-01-01 08:00:00+01:00",
        "2030-13-01T08:00:00Z",
        "2030-02-30T08:00:00Z",
        "2030-01-01T08:00:00+0100",
        "2030-01-01T08:00+01:00",
        "2030-01-01T08:00:00+01:00[Europe/Oslo]",
        "i morgen",
        "",
        "2030-01-01T25:00:00Z",
        "２030-01-01T08:00:00Z",
        "2030-01-01T08:00:00.Z",
        "æøåæøåæøåæøåæøåæøå",
    ] {
        assert_eq!(
            wrong(&small(json!({"send_after": bad}))),
            [
                "/send_after: must be a time with its offset, as RFC 3339 writes it: 2030-01-01T08:00:00+01:00"
            ],
            "{bad}"
        );
    }
}

#[test]
fn a_job_that_expires_before_it_begins_or_in_the_past_is_refused() {
    let job =
        small(json!({"send_after": "2030-01-02T00:00:00Z", "expires": "2030-01-02T00:00:00Z"}));
    assert_eq!(wrong(&job), ["/expires: must be later than send_after"]);
    let job = small(json!({"expires": "2029-06-01T02:00:00+02:00"}));
    assert_eq!(wrong(&job), ["/expires: is in the past"]);
    assert!(read(&small(json!({"send_after": "2001-01-01T00:00:00Z"}))).is_ok());
}

#[test]
fn reminders_are_for_letters_and_within_thirty_days() {
    let job = read(&letter(
        json!({"reminders": [{"after_days": 14}, {"after_days": 7}]}),
    ))
    .unwrap();
    assert_eq!(
        job.rules
            .reminders
            .iter()
            .map(|r| r.after_days)
            .collect::<Vec<_>>(),
        [7, 14]
    );
    for (reminders, wanted) in [
        (
            json!([{"after_days": 0}]),
            "/reminders/0/after_days: must be a whole number from 1 to 30",
        ),
        (
            json!([{"after_days": 31}]),
            "/reminders/0/after_days: must be a whole number from 1 to 30",
        ),
        (
            json!([{"after_days": 1.5}]),
            "/reminders/0/after_days: must be a whole number from 1 to 30",
        ),
        (
            json!([{"after_days": "7"}]),
            "/reminders/0/after_days: must be a whole number from 1 to 30, not a string",
        ),
        (json!([{}]), "/reminders/0/after_days: is missing"),
        (json!([7]), "/reminders/0: must be an object, not a number"),
        (
            json!([{"after_days": 7}, {"after_days": 7}]),
            "/reminders/1/after_days: is 7 like an earlier reminder",
        ),
        (json!({}), "/reminders: must be a list, not an object"),
        (
            json!([1, 2, 3, 4, 5, 6]),
            "/reminders: has 6 entries; at most 5",
        ),
    ] {
        assert_eq!(wrong(&letter(json!({"reminders": reminders}))), [wanted]);
    }
    let job = small(json!({"reminders": [{"after_days": 7}]}));
    assert_eq!(wrong(&job), ["/reminders: are for letters only"]);
    assert!(read(&small(json!({"reminders": []}))).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&body, &rules()).is_err());
    }

    #[test]
    fn any_field_may_hold_anything(field in 0_usize..14, value in anything()) {
        let name = example().as_object().unwrap().keys().nth(field % 12).unwrap().clone();
        let _read_or_not = read(&with(json!({name: &value})));
        let job = with(json!({"recipients": [&value, {"phone": &value, "values": &value}]}));
        let rejected = read(&job).unwrap_err();
        prop_assert!(!rejected.problems.is_empty());
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[{}%a-zæ0-9+@. ]{0,12}".prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "nb",
            "en",
            "sms",
            "email",
            "subject",
            "text",
            "html",
            "ref",
            "person",
            "phone",
            "values",
            "time",
            "street",
            "from",
            "to",
            "after_days"
        ])
        .prop_map(String::from),
        ".{0,8}",
    ]
}
