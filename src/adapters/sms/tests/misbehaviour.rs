//! Whatever the other side does, the outcome says no more than is known.

use std::time::{Duration, Instant};

use super::fake::{Act, Fake, reply};
use super::support::{TEXT, any_time, gateway, good_body, message};
use crate::adapters::sms::{Auth, GatewayKind, Settings};
use crate::domain::outcome::{Fault, Outcome};

const PATIENT: Duration = Duration::from_secs(20);

async fn outcome(kind: GatewayKind, act: Act, deadline: Duration) -> (Outcome, usize) {
    let fake = Fake::start(vec![act]).await;
    let gateway = gateway(kind, &Settings::new("fake", fake.url()));
    let outcome = gateway.submit(&message(0), any_time(), deadline).await;
    (outcome, fake.requests().len())
}

#[tokio::test]
async fn an_answer_decides_by_its_status() {
    for kind in GatewayKind::ALL {
        let good = good_body(*kind);
        for (status, body, expected) in [
            (200, good, "accepted"),
            (202, good, "accepted"),
            (200, "", "unknown"),
            (200, r#"{"error":"no credit"}"#, "unknown"),
            (200, "\u{1}\u{2}<html>", "unknown"),
            (400, "no", "permanent"),
            (401, "", "channel"),
            (403, "", "channel"),
            (408, "", "transient"),
            (429, "", "channel"),
            (500, "", "transient"),
            (503, "", "transient"),
            (502, "", "unknown"),
            (504, "", "unknown"),
            (307, "", "channel"),
        ] {
            let act = Act::Write(reply(status, "location: http://127.0.0.1:1/\r\n", body));
            let (outcome, requests) = outcome(*kind, act, PATIENT).await;
            assert_eq!(outcome.as_str(), expected, "{kind:?} {status} {body}");
            assert_eq!(requests, 1, "{kind:?} {status}: one request and no other");
        }
    }
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_and_as_a_date() {
    for kind in GatewayKind::ALL {
        for (status, value, seconds) in [
            (429, "7", 7),
            (503, "120", 120),
            (429, "Wed, 02 Jan 2030 09:00:30 GMT", 30),
            (503, "Wed, 02 Jan 2030 09:00:45 GMT", 45),
        ] {
            let act = Act::Write(reply(status, &format!("retry-after: {value}\r\n"), ""));
            let (outcome, _) = outcome(*kind, act, PATIENT).await;
            let expected = Outcome::NotSent(Fault::Channel {
                retry_after: Some(Duration::from_secs(seconds)),
            });
            assert_eq!(outcome, expected, "{kind:?} {status} {value}");
        }
    }
}

#[tokio::test]
async fn what_breaks_after_the_request_was_read_is_unknown() {
    for kind in GatewayKind::ALL {
        let whole = reply(200, "", good_body(*kind));
        let half_head = whole[..12].to_vec();
        let half_body = whole[..whole.len() - 3].to_vec();
        let refusal = reply(400, "", "no such number");
        let half_refusal = refusal[..refusal.len() - 3].to_vec();
        for act in [
            Act::CloseAfterReading,
            Act::ResetAfterReading,
            Act::WriteAndClose(half_head),
            Act::WriteAndClose(half_body),
            Act::WriteAndClose(half_refusal),
            Act::WriteAndClose(b"\x16\x03\x01 no HTTP at all\r\n\r\n".to_vec()),
            Act::WriteAndClose(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ] {
            let shown = format!("{kind:?} {act:?}");
            let (outcome, requests) = outcome(*kind, act, PATIENT).await;
            assert_eq!(outcome, Outcome::Unknown, "{shown}");
            assert_eq!(requests, 1, "{shown}: never sent twice");
        }
    }
}

#[tokio::test]
async fn a_deadline_after_the_request_left_is_unknown_and_is_kept() {
    let deadline = Duration::from_millis(150);
    for kind in GatewayKind::ALL {
        let whole = reply(200, "", good_body(*kind));
        for act in [
            Act::Silence,
            Act::WriteLater(Duration::from_secs(30), whole.clone()),
            Act::Write(whole[..whole.len() - 1].to_vec()),
        ] {
            let started = Instant::now();
            let (outcome, requests) = outcome(*kind, act, deadline).await;
            assert_eq!(outcome, Outcome::Unknown, "{kind:?}");
            assert_eq!(requests, 1, "{kind:?}");
            assert!(started.elapsed() < Duration::from_secs(5), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_not_read_to_the_end() {
    for kind in GatewayKind::ALL {
        let long = format!("{}{}", good_body(*kind), " ".repeat(70_000));
        let (outcome, _) = outcome(*kind, Act::Write(reply(200, "", &long)), PATIENT).await;
        assert_eq!(outcome, Outcome::Unknown, "{kind:?}: too long to be read");
        let refusal = Act::Write(reply(400, "", &"x".repeat(70_000)));
        let (outcome, _) = super::misbehaviour::outcome(*kind, refusal, PATIENT).await;
        assert_eq!(
            outcome.as_str(),
            "permanent",
            "{kind:?}: the status is enough"
        );
    }
}

#[tokio::test]
async fn the_request_is_whole_with_known_length_and_every_character() {
    let fake = Fake::start(vec![Act::Write(reply(200, "", r#"{"id":"m-1"}"#))]).await;
    let mut settings = Settings::new("fake", fake.url());
    settings.auth = Auth::Basic {
        user: "kari".into(),
        password: "hemmelig".into(),
    };
    let gateway = gateway(GatewayKind::Json, &settings);
    assert_eq!(gateway.concurrency(), 64);
    gateway.submit(&message(3), any_time(), PATIENT).await;
    let request = fake.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /cgi-bin/sendsms http/1.1"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(
        head.contains("authorization: basic a2fyatpozw1tzwxpzw=="),
        "{head}"
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "to": "+4799999999",
            "from": "OsloKommune",
            "text": TEXT,
            "reference": message(3).delivery.client_reference(),
        })
    );
}

#[tokio::test]
async fn a_probe_sends_no_message_and_says_what_is_wrong() {
    for kind in GatewayKind::ALL {
        for (status, expected) in [
            (204, Ok(())),
            (405, Ok(())),
            (500, Ok(())),
            (401, Err("refuses our credentials")),
            (403, Err("refuses our credentials")),
            (308, Err("put the new address into url")),
        ] {
            let fake = Fake::start(vec![Act::Write(reply(status, "", ""))]).await;
            let mut settings = Settings::new("fake", fake.url());
            settings.auth = Auth::Basic {
                user: "kari".into(),
                password: "hemmelig".into(),
            };
            let said = gateway(*kind, &settings).probe(PATIENT).await;
            match (&said, expected) {
                (Ok(_), Ok(())) => {}
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (Ok(_), Err(_)) | (Err(_), Ok(())) => panic!("{kind:?} {status}: {said:?}"),
            }
            assert!(!format!("{said:?}").contains("hemmelig"), "{said:?}");
            let request = fake.requests().remove(0);
            let method = request.split(' ').next().unwrap().to_owned();
            assert!(["OPTIONS", "HEAD"].contains(&&*method), "{method}");
            assert!(
                !request.contains("to=") && !request.contains("text"),
                "{request}"
            );
        }
        let said = gateway(*kind, &Settings::new("fake", "http://127.0.0.1:1/"))
            .probe(PATIENT)
            .await;
        assert!(said.unwrap_err().contains("cannot be reached"));
    }
}
