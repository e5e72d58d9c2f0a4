//! What a message and a probe look like to the gateway.

use std::time::Duration;

use super::fake::{Act, Fake, reply};
use super::support::{TEXT, gateway, message, submit};
use crate::adapters::sms::{Auth, GatewayKind, Settings};

const PATIENT: Duration = Duration::from_secs(20);

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
    submit(&*gateway, &message(3), PATIENT).await;
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
