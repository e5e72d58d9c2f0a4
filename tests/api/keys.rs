//! Who is let in, and how often.

use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use budstikke::api::ApiLimits;
use sha2::{Digest, Sha256};

use crate::calls::Call;
use crate::support::{Api, BERGEN, LIMITS, OSLO, job, start, start_with};

/// Every call that needs a key.
pub fn agency_calls(job: &str) -> Vec<Call> {
    vec![
        Call::post("/v1/jobs"),
        Call::get(&format!("/v1/jobs/{job}")),
        Call::new("DELETE", &format!("/v1/jobs/{job}")),
        Call::get(&format!("/v1/jobs/{job}/notifications")),
        Call::post(&format!("/v1/jobs/{job}/notifications/r0/opened")),
        Call::get(&format!("/v1/jobs/{job}/notifications/r0/evidence")),
        Call::get("/v1/opt-outs"),
        Call::post("/v1/opt-outs"),
        Call::new("DELETE", "/v1/opt-outs"),
        Call::post("/v1/preview"),
        Call::get("/v1/events"),
    ]
}

#[tokio::test]
async fn without_a_valid_key_every_agency_call_is_refused_in_the_same_way() {
    let api = start().await;
    api.accepted(&job("a", 1)).await;
    for call in agency_calls("a") {
        let answer = api.call(call).await;
        answer.problem(401);
        assert_eq!(answer.header(WWW_AUTHENTICATE), Some("Bearer"));
    }
    let long = "x".repeat(5_000);
    let garbage = [
        "",
        " ",
        "wrong",
        "eyJhbGciOiJub25lIn0.e30.",
        "\u{e5}",
        &long,
    ];
    for key in garbage {
        for call in agency_calls("a") {
            let answer = api.call(call.key(key)).await;
            answer.problem(401);
            assert!(key.trim().is_empty() || !answer.text().contains(key));
        }
    }
    for value in [OSLO, "Basic b3Nsbzpvc2xv", &format!("Token {OSLO}")] {
        let call = Call::get("/v1/events").header(AUTHORIZATION, value);
        api.call(call).await.problem(401);
    }
    let twice = Call::get("/v1/events").key(OSLO).key(OSLO);
    api.call(twice).await.problem(401);
    let lower = Call::get("/v1/events").header(AUTHORIZATION, &format!("bearer {OSLO}"));
    assert_eq!(api.call(lower).await.status, 200);
}

#[tokio::test]
async fn a_key_made_just_now_is_valid_at_once() {
    let api = start().await;
    let call = || Call::get("/v1/events").key("brand-new");
    api.call(call()).await.problem(401);
    let hash = Sha256::digest("brand-new").into();
    let at = budstikke::domain::time::Timestamp(0);
    api.store.add_key(api.oslo, hash, at).await.unwrap();
    assert_eq!(api.call(call()).await.status, 200);
}

async fn patient(burst: u32) -> Api {
    start_with(ApiLimits {
        rate_per_key: 0.01,
        burst_per_key: burst,
        ..LIMITS
    })
    .await
}

#[tokio::test]
async fn a_key_above_its_rate_waits_and_others_do_not() {
    let api = patient(3).await;
    let call = |key| api.call(Call::get("/v1/events").key(key));
    for _ in 0..3 {
        assert_eq!(call(OSLO).await.status, 200);
    }
    let held = call(OSLO).await;
    held.problem(429);
    let wait: u64 = held.header(RETRY_AFTER).unwrap().parse().unwrap();
    assert!((90..=100).contains(&wait), "{wait}");
    assert_eq!(call(BERGEN).await.status, 200);
}

#[tokio::test]
async fn whoever_tries_keys_is_slowed_down_and_nobody_else() {
    let api = patient(2).await;
    let guess = |n: u32| Call::get("/v1/events").key(&format!("guess-{n}"));
    for n in 0..2 {
        api.call(guess(n)).await.problem(401);
    }
    api.call(guess(3)).await.problem(429);
    let elsewhere = guess(4).peer("198.51.100.1:1");
    api.call(elsewhere).await.problem(401);
    let good = Call::get("/v1/events").key(OSLO).peer("203.0.113.5:1");
    assert_eq!(api.call(good).await.status, 200);
}
