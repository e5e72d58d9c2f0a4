//! SQLite, no broker, over HTTP.

use serde_json::json;

use crate::support::{Site, appointment, register};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_over_http_reaches_phones_and_mailboxes_and_the_feed_tells_all_of_it() {
    let mut site = Site::new("").await;
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);

    let answer = api.submit(&appointment("appointment-8831")).await;
    assert_eq!(answer["job"], "appointment-8831");
    assert_eq!(answer["recipients"], 3);
    api.until_totals("appointment-8831", &json!({"sent": 3}))
        .await;

    let mut sms: Vec<_> = site
        .sms
        .inbox()
        .snapshot()
        .iter()
        .map(|t| (t.to.to_string(), t.text.to_string()))
        .collect();
    sms.sort();
    assert_eq!(
        sms,
        [
            (
                "+4799999998".to_owned(),
                "Appointment tirsdag 09:30.".to_owned()
            ),
            (
                "+4799999999".to_owned(),
                "Time hos oss tirsdag 10:00. Husk æøå!".to_owned()
            ),
        ]
    );
    let mail = site.mail.mailbox().find("kari@example.no");
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].subject(), "Påminnelse om time");
    assert_eq!(
        mail[0].text().unwrap().trim_end(),
        "Hei, du har time tirsdag 10:30."
    );
    assert_eq!(site.mail.mailbox().count(), 1);

    // Events get their numbers just after the totals are final.
    let feed = api.until_event("no.budstikke.job.finished").await;
    let kinds: Vec<&str> = feed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"no.budstikke.job.accepted"));
    assert_eq!(kinds.last(), Some(&"no.budstikke.job.finished"));
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "no.budstikke.notification.sent")
            .count(),
        3
    );
    for (event, sequence) in feed["items"].as_array().unwrap().iter().zip(1..) {
        assert_eq!(event["sequence"], sequence.to_string());
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["source"], "/budstikke/oslo");
        assert_eq!(event["subject"], "appointment-8831");
    }
    assert!(site.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_job_again_sends_nothing_and_other_content_is_a_conflict() {
    let mut site = Site::new("").await;
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let job = appointment("once");
    api.submit(&job).await;
    api.until_totals("once", &json!({"sent": 3})).await;
    let (status, again) = api.call("POST", "/v1/jobs", Some(&job)).await;
    assert_eq!((status, &again["totals"]), (200, &json!({"sent": 3})));
    let mut other = job.clone();
    other["purpose"] = json!("Something else");
    let (status, _) = api.call("POST", "/v1/jobs", Some(&other)).await;
    assert_eq!(status, 409);
    assert_eq!(site.sms.inbox().count(), 2);
    assert_eq!(site.mail.mailbox().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_cannot_see_cancel_or_open_anothers_job() {
    let mut site = Site::new("").await;
    let (oslo, bergen) = (site.key("oslo"), site.key("bergen"));
    let api = site.serve().await.with_key(&oslo);
    let mut job = appointment("mine");
    job["send_after"] = json!("2040-01-01T08:00:00+01:00");
    api.submit(&job).await;
    let other = api.with_key(&bergen);
    for (method, path) in [
        ("GET", "/v1/jobs/mine"),
        ("GET", "/v1/jobs/mine/notifications"),
        ("DELETE", "/v1/jobs/mine"),
        ("POST", "/v1/jobs/mine/notifications/row-1/opened"),
    ] {
        let (status, body) = other.call(method, path, None).await;
        let (nobodys, of_nobody) = other
            .call(method, &path.replace("mine", "nobodys"), None)
            .await;
        assert_eq!((status, nobodys), (404, 404), "{method} {path}: {body}");
        assert_eq!(body["title"], of_nobody["title"]);
    }
    assert_eq!(other.get("/v1/events").await["items"], json!([]));
    let nobody = api.with_key("bs_0000");
    assert_eq!(nobody.call("GET", "/v1/jobs/mine", None).await.0, 401);
    // Untouched by all of it.
    assert_eq!(
        api.get("/v1/jobs/mine").await["totals"],
        json!({"accepted": 3})
    );
    let cancelled = api.call("DELETE", "/v1/jobs/mine", None).await;
    assert_eq!(cancelled.0, 200);
    assert_eq!(cancelled.1["totals"], json!({"cancelled": 3}));
    assert_eq!(cancelled.1["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_early_twice_and_out_of_order_end_as_delivered() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let mut job = appointment("receipts");
    job["recipients"] = json!([{"ref": "r", "phone": "+4799999999", "values": {"time": "nå"}}]);
    api.submit(&job).await;
    api.until_totals("receipts", &json!({"sent": 1})).await;
    let taken = &site.sms.inbox().snapshot()[0];
    let by_id = |status: &str| json!({"id": &*taken.id, "status": status});
    let by_reference =
        |status: &str| json!({"reference": taken.reference.as_deref().unwrap(), "status": status});
    for body in [
        by_id("accepted"),
        by_id("delivered"),
        by_reference("delivered"),
        by_id("accepted"),
        by_id("failed"),
        json!({"id": "of-nobody", "status": "delivered"}),
    ] {
        let (status, answer) = api.call("POST", "/v1/receipts/primary", Some(&body)).await;
        assert_eq!(status, 200, "{answer}");
    }
    api.until_totals("receipts", &json!({"delivered": 1})).await;
    let page = api.get("/v1/jobs/receipts/notifications").await;
    assert_eq!(page["items"][0]["status"], "delivered");
    assert_eq!(page["items"][0]["version"], 2);
    let (status, _) = api
        .call(
            "POST",
            "/v1/receipts/primary",
            Some(&json!({"id": "x", "status": "eaten"})),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_after_the_job_expired_is_answered_as_a_repeat_and_a_new_one_is_refused() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let mut job = appointment("late");
    job["recipients"] = json!([{"ref": "r", "phone": "+4799999999", "values": {"time": "nå"}}]);
    let expires = std::time::SystemTime::now() + std::time::Duration::from_millis(1_500);
    let expires = jiff::Timestamp::try_from(expires).unwrap();
    job["expires"] = json!(expires.to_string());
    api.submit(&job).await;
    api.until_totals("late", &json!({"sent": 1})).await;
    while jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap() <= expires {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (status, answer) = api.call("POST", "/v1/jobs", Some(&job)).await;
    assert_eq!((status, &answer["totals"]), (200, &json!({"sent": 1})));
    job["job"] = json!("too-late");
    let (status, answer) = api.call("POST", "/v1/jobs", Some(&job)).await;
    assert_eq!(status, 422);
    assert_eq!(answer["problems"][0]["pointer"], "/expires");
    assert_eq!(site.sms.inbox().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_receipt_for_a_direct_phone_is_told_as_failed_and_starts_nothing() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let mut job = appointment("direct");
    job["recipients"] = json!([{"ref": "r", "phone": "+4799999999", "values": {"time": "nå"}}]);
    api.submit(&job).await;
    api.until_totals("direct", &json!({"sent": 1})).await;
    let id = site.sms.inbox().snapshot()[0].id.to_string();
    let (status, _) = api
        .call(
            "POST",
            "/v1/receipts/primary",
            Some(&json!({"id": id, "status": "failed"})),
        )
        .await;
    assert_eq!(status, 200);
    api.until_totals("direct", &json!({"failed": 1})).await;
    let page = api.get("/v1/jobs/direct/notifications").await;
    assert_eq!(page["items"][0]["channel"], "sms");
    assert_eq!(page["items"][0]["version"], 2);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}
