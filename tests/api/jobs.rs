//! Jobs: in, looked at, previewed, cancelled.

use axum::http::header::LOCATION;
use serde_json::json;

use crate::calls::Call;
use crate::support::{OSLO, job, letter, start};

#[tokio::test]
async fn a_job_is_accepted_once_repeated_and_looked_at() {
    let api = start().await;
    let (body, expected) = (
        job("snow:1", 3),
        json!({"job": "snow:1", "state": "open", "recipients": 3, "totals": {"accepted": 3}}),
    );
    let first = api.call(Call::post("/v1/jobs").key(OSLO).json(&body)).await;
    assert_eq!((first.status, first.json()), (202, expected.clone()));
    assert_eq!(first.header(LOCATION), Some("/v1/jobs/snow:1"));
    let again = api.call(Call::post("/v1/jobs").key(OSLO).json(&body)).await;
    assert_eq!((again.status, again.json()), (200, expected));
    let seen = api.call(Call::get("/v1/jobs/snow:1").key(OSLO)).await;
    let mut seen_job = seen.json();
    let at = seen_job["accepted_at"].take();
    assert!(at.as_str().unwrap().ends_with('Z'), "{at}");
    assert_eq!(
        (seen.status, seen_job),
        (
            200,
            json!({"job": "snow:1", "class": "service_message", "lane": "normal", "state": "open",
                   "accepted_at": null, "recipients": 3, "totals": {"accepted": 3}})
        )
    );
}

#[tokio::test]
async fn other_content_under_the_same_id_is_a_conflict() {
    let api = start().await;
    api.accepted(&job("a", 1)).await;
    let other = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&job("a", 2)))
        .await;
    assert_eq!(other.problem(409)["type"], "/problems/job-conflict");
    let seen = api.call(Call::get("/v1/jobs/a").key(OSLO)).await;
    assert_eq!(seen.json()["recipients"], 1);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_job_is_named_with_its_place() {
    let api = start().await;
    let mut body = job("a", 2);
    body["recipients"][1]["phone"] = json!("123-not-a-phone");
    body["lane"] = json!("fast");
    for path in ["/v1/jobs", "/v1/preview"] {
        let answer = api.call(Call::post(path).key(OSLO).json(&body)).await;
        let problem = answer.problem(422);
        assert_eq!(problem["type"], "/problems/invalid-job");
        let listed = problem["problems"].as_array().unwrap();
        let places: Vec<_> = listed
            .iter()
            .map(|p| p["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(places, ["/lane", "/recipients/1/phone"]);
        assert!(!answer.text().contains("123-not"), "{}", answer.text());
    }
    let free = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&job("a", 1)))
        .await;
    assert_eq!(free.status, 202);
}

#[tokio::test]
async fn cancelling_answers_with_the_job_and_may_be_repeated() {
    let api = start().await;
    api.accepted(&job("a", 2)).await;
    for _ in 0..2 {
        let answer = api.call(Call::new("DELETE", "/v1/jobs/a").key(OSLO)).await;
        assert_eq!(answer.status, 200);
        let seen = answer.json();
        assert_eq!(seen["state"], "cancelled");
        assert_eq!(seen["totals"], json!({"cancelled": 2}));
    }
    api.call(Call::new("DELETE", "/v1/jobs/b").key(OSLO))
        .await
        .problem(404);
}

#[tokio::test]
async fn an_opened_letter_is_reminded_of_no_more() {
    let api = start().await;
    api.accepted(&letter("l")).await;
    for _ in 0..2 {
        let call = Call::post("/v1/jobs/l/notifications/kari/opened").key(OSLO);
        let answer = api.call(call).await;
        assert_eq!((answer.status, answer.text()), (204, ""));
    }
    let list = api
        .call(Call::get("/v1/jobs/l/notifications").key(OSLO))
        .await;
    let list = list.json();
    let reminder = &list["items"][1];
    assert_eq!(
        (
            &reminder["occasion"],
            &reminder["status"],
            &reminder["reason"]
        ),
        (&json!(1), &json!("not_sent"), &json!("opened"))
    );
    for path in [
        "l/notifications/ola",
        "m/notifications/kari",
        "l/notifications/%20",
        "%20/notifications/kari",
    ] {
        let path = format!("/v1/jobs/{path}/opened");
        api.call(Call::post(&path).key(OSLO)).await.problem(404);
    }
}

#[tokio::test]
async fn a_preview_shows_what_would_go_out_and_stores_nothing() {
    let api = start().await;
    let mut body = letter("l");
    body["message"]["nb"]["sms"] = json!("Čállosat");
    let answer = api
        .call(Call::post("/v1/preview").key(OSLO).json(&body))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({"job": "l", "recipients": 1, "truncated": false, "items": [{
            "ref": "kari", "language": "nb",
            "sms": {"text": "Čállosat", "encoding": "ucs2", "units": 8, "parts": 1, "forced_ucs2": ["Č", "á"]},
        }]})
    );
    api.call(Call::get("/v1/jobs/l").key(OSLO))
        .await
        .problem(404);
}

#[tokio::test]
async fn what_is_over_the_urgent_quota_is_told_with_the_job() {
    let api = start().await;
    let urgent = |name, recipients| {
        let mut body = job(name, recipients);
        body["lane"] = "urgent".into();
        Call::post("/v1/jobs").key(OSLO).json(&body)
    };
    // The quota is 600 in an hour.
    let stored = api.call(urgent("leak", 602)).await;
    assert_eq!(
        (stored.status, &stored.json()["urgent_over_quota"]),
        (202, &json!(2))
    );
    assert_eq!(stored.json().get("lane"), None, "most of it is urgent");
    let stored = api.call(urgent("flood", 1)).await;
    assert_eq!(stored.json()["lane"], "normal");
    let seen = api.call(Call::get("/v1/jobs/flood").key(OSLO)).await.json();
    assert_eq!(
        (
            &seen["lane"],
            &seen["lane_asked"],
            &seen["urgent_over_quota"]
        ),
        (&json!("normal"), &json!("urgent"), &json!(1))
    );
}
