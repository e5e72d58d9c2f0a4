//! Proof of letters, over HTTP.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Api, LIMIT, Site, register};

fn letter(name: &str, person: &str) -> Value {
    json!({
        "job": name, "class": "letter", "purpose": "Vedtak", "window": "anytime",
        "message": {"nb": {"sms": "Du har fått brev", "email": {"subject": "Brev", "text": "Du har fått brev"}}},
        "recipients": [{"ref": "kari", "person": person}],
        "reminders": [{"after_days": 7}],
    })
}

async fn evidence(api: &Api, job: &str) -> Value {
    api.get(&format!("/v1/jobs/{job}/notifications/kari/evidence"))
        .await
}

/// The evidence once its first occasion is settled.
async fn settled(api: &Api, job: &str) -> Value {
    let started = Instant::now();
    loop {
        let found = evidence(api, job).await;
        if found["verdict"]["settled"] == true {
            return found;
        }
        assert!(started.elapsed() < LIMIT, "{found}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_letter_that_was_told_of_is_proved() {
    let mut site = Site::new("").await;
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    api.submit(&letter("a", "20914695016")).await;
    let found = settled(&api, "a").await;
    assert_eq!(found["purpose"], "Vedtak");
    assert_eq!(
        found["verdict"],
        json!({"paper": false, "settled": true, "status": "sent"})
    );
    let first = &found["occasions"][0]["deliveries"][0];
    assert_eq!(
        (&first["channel"], &first["status"]),
        (&json!("sms"), &json!("sent"))
    );
    let decision = &first["decisions"][0];
    assert_eq!(decision["outcome"], "send");
    assert_eq!(decision["register"]["registration"], "active");
    assert_eq!(decision["register"]["reserved"], false);
    assert_eq!(
        decision["register"]["mobile"]["changed"],
        "2026-09-01T10:00:00.000Z"
    );
    assert_eq!(decision["register"]["mobile"]["usable"], true);
    assert_eq!(decision["rule"]["channel"], "sms_preferred");
    let text = "Du har fått brev";
    let digest = budstikke::domain::evidence::digest(&[text]);
    assert_eq!(decision["text_sha256"], hex::encode(digest));
    let tried = &first["tries"][0];
    assert_eq!(
        (&tried["gateway"], &tried["outcome"]),
        (&json!("primary"), &json!("accepted"))
    );
    assert!(tried["gateway_reference"].is_string());
    let reminder = &found["occasions"][1];
    assert_eq!(
        (&reminder["occasion"], &reminder["after_days"]),
        (&json!(1), &json!(7))
    );
    assert!(
        !found.to_string().contains("99999998"),
        "an address: {found}"
    );
    assert!(
        !found.to_string().contains("20914695016"),
        "a person: {found}"
    );
    // A report comes, then the letter is opened.
    let report = json!({"id": tried["gateway_reference"], "status": "delivered"});
    let (status, body) = api
        .call("POST", "/v1/receipts/primary", Some(&report))
        .await;
    assert!((200..300).contains(&status), "{status}: {body}");
    let (status, _) = api
        .call("POST", "/v1/jobs/a/notifications/kari/opened", None)
        .await;
    assert_eq!(status, 204);
    let started = Instant::now();
    let found = loop {
        let found = evidence(&api, "a").await;
        let receipts = &found["occasions"][0]["deliveries"][0]["receipts"];
        if receipts
            .as_array()
            .is_some_and(|receipts| !receipts.is_empty())
        {
            break found;
        }
        assert!(started.elapsed() < LIMIT, "{found}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let first = &found["occasions"][0]["deliveries"][0];
    assert_eq!(first["receipts"][0]["status"], "delivered");
    assert_eq!(first["receipts"][0]["gateway"], "primary");
    assert!(found["opened_at"].is_string());
    assert_eq!(found["occasions"][1]["deliveries"][0]["reason"], "opened");
    site.stop().await;
}

#[tokio::test]
async fn a_letter_that_must_go_on_paper_says_why() {
    let mut site = Site::new("").await;
    let file = site.path("people.csv");
    let rows = "personidentifikator,reservasjon,mobiltelefonnummer,mobiltelefonnummer_oppdatert\n\
                20914695016,JA,+4799999998,2026-09-01T10:00:00Z\n";
    std::fs::write(&file, rows).unwrap();
    site.run(&["register", "import", file.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    api.submit(&letter("a", "20914695016")).await;
    let found = settled(&api, "a").await;
    let paper = json!({"paper": true, "settled": true, "status": "not_sent", "reason": "reserved"});
    assert_eq!(found["verdict"], paper);
    let decision = &found["occasions"][0]["deliveries"][0]["decisions"][0];
    assert_eq!(decision["register"]["reserved"], true);
    assert_eq!(
        (&decision["outcome"], &decision["reason"]),
        (&json!("withhold"), &json!("reserved"))
    );
    let mut service = letter("b", "20914695016");
    service["class"] = "service_message".into();
    service.as_object_mut().unwrap().remove("reminders");
    api.submit(&service).await;
    let bergen = api.with_key(&site.key("bergen"));
    for (api, path) in [
        (&api, "/v1/jobs/b/notifications/kari/evidence"),
        (&api, "/v1/jobs/a/notifications/ola/evidence"),
        (&api, "/v1/jobs/c/notifications/kari/evidence"),
        (&bergen, "/v1/jobs/a/notifications/kari/evidence"),
    ] {
        assert_eq!(api.call("GET", path, None).await.0, 404, "{path}");
    }
    site.stop().await;
}
