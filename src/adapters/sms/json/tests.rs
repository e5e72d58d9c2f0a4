use std::time::Duration;

use bytes::Bytes;

use super::classify::classify;
use super::settings::JsonSettings;
use crate::adapters::sms::http::answer::{Answer, AnswerBody, Exchange};
use crate::adapters::sms::http::verdict::{StatusLists, channel};
use crate::domain::outcome::{Fault, Outcome};

fn answered(status: u16, body: &str, retry_after: Option<u64>) -> Exchange {
    Exchange::Answered(Answer {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: AnswerBody::Complete(Bytes::copy_from_slice(body.as_bytes())),
    })
}

fn outcome(status: u16, body: &str) -> Outcome {
    classify(&answered(status, body, None), &JsonSettings::default())
}

fn accepted(id: &str) -> Outcome {
    Outcome::Accepted {
        provider_reference: Some(id.into()),
    }
}

#[test]
fn a_status_means_what_the_contract_says() {
    for (status, expected) in [
        (401, "channel"),
        (403, "channel"),
        (400, "permanent"),
        (404, "permanent"),
        (409, "permanent"),
        (413, "permanent"),
        (422, "permanent"),
        (499, "permanent"),
        (408, "transient"),
        (425, "transient"),
        (429, "channel"),
        (500, "transient"),
        (503, "transient"),
        (502, "unknown"),
        (504, "unknown"),
        (501, "unknown"),
        (520, "unknown"),
        (302, "unknown"),
        (304, "unknown"),
        (301, "channel"),
        (307, "channel"),
        (308, "channel"),
    ] {
        assert_eq!(
            outcome(status, "{\"id\":\"x\"}").as_str(),
            expected,
            "{status}"
        );
    }
}

#[test]
fn a_2xx_is_accepted_only_with_a_readable_id() {
    assert_eq!(outcome(200, r#"{"id":"m-1"}"#), accepted("m-1"));
    assert_eq!(outcome(201, r#"{"id":42,"more":[]}"#), accepted("42"));
    assert_eq!(outcome(202, r#"{"id":" m-2 "}"#), accepted("m-2"));
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(201));
    for body in [
        "",
        "OK",
        "{}",
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":{"a":1}}"#,
        r#"{"id":"m-1""#,
        r#"{"error":"no credit"}"#,
        &long,
    ] {
        assert_eq!(outcome(200, body), Outcome::Unknown, "{body}");
    }
    let too_long = Exchange::Answered(Answer {
        status: 200,
        retry_after: None,
        body: AnswerBody::TooLong,
    });
    assert_eq!(
        classify(&too_long, &JsonSettings::default()),
        Outcome::Unknown
    );
}

#[test]
fn retry_after_slows_the_gateway_where_it_is_about_the_gateway() {
    let wait = Some(Duration::from_secs(9));
    for (status, expected) in [
        (429, Fault::Channel { retry_after: wait }),
        (503, Fault::Channel { retry_after: wait }),
        (500, Fault::Transient { retry_after: wait }),
        (403, Fault::Channel { retry_after: wait }),
    ] {
        assert_eq!(
            classify(&answered(status, "", Some(9)), &JsonSettings::default()),
            Outcome::NotSent(expected),
            "{status}"
        );
    }
}

#[test]
fn the_stage_decides_when_there_is_no_answer() {
    let settings = JsonSettings::default();
    assert_eq!(classify(&Exchange::NotStarted, &settings), channel(None));
    assert_eq!(classify(&Exchange::Broken, &settings), Outcome::Unknown);
}

#[test]
fn paths_lead_into_objects_and_lists() {
    let settings = JsonSettings {
        id_field: "result.messages.0.id".into(),
        ..JsonSettings::default()
    };
    let body = r#"{"result":{"messages":[{"id":"deep"}]}}"#;
    assert_eq!(
        classify(&answered(200, body, None), &settings),
        accepted("deep")
    );
    assert_eq!(
        classify(
            &answered(200, r#"{"result":{"messages":[]}}"#, None),
            &settings
        ),
        Outcome::Unknown
    );
}

#[test]
fn a_configured_error_field_makes_a_refusal_of_a_200() {
    let settings = JsonSettings {
        error_field: Some("error".into()),
        ..JsonSettings::default()
    };
    for (body, expected) in [
        (r#"{"error":"no route"}"#, "transient"),
        (r#"{"error":{"code":7}}"#, "transient"),
        (r#"{"error":null,"id":"a"}"#, "accepted"),
        (r#"{"error":"","id":"a"}"#, "accepted"),
        (r#"{"error":0,"id":"a"}"#, "accepted"),
        (r#"{"error":false,"id":"a"}"#, "accepted"),
        (r#"{"error":"odd","id":"a"}"#, "unknown"),
        (r#"{"error":null}"#, "unknown"),
    ] {
        assert_eq!(
            classify(&answered(200, body, None), &settings).as_str(),
            expected,
            "{body}"
        );
    }
}

#[test]
fn the_lists_can_be_changed() {
    let settings = JsonSettings {
        statuses: StatusLists {
            account: vec![402],
            later: vec![409],
            unknown: vec![500],
            refused: vec![403, 503],
        },
        ..JsonSettings::default()
    };
    for (status, expected) in [
        (402, "channel"),
        (409, "transient"),
        (500, "unknown"),
        (403, "permanent"),
        (503, "permanent"),
        (401, "permanent"),
    ] {
        assert_eq!(
            classify(&answered(status, "", None), &settings).as_str(),
            expected,
            "{status}"
        );
    }
    assert_eq!(StatusLists::default().misplaced(), None);
    let twice = StatusLists {
        unknown: vec![503],
        ..StatusLists::default()
    };
    assert_eq!(twice.misplaced(), Some(503));
}
