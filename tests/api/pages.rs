//! Health, metrics and the pages; and what is nowhere.

use std::sync::atomic::Ordering;

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use serde_json::{Value, json};

use crate::calls::Call;
use crate::support::{OSLO, start};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[tokio::test]
async fn health_is_about_the_process_and_readiness_about_its_parts() {
    let api = start().await;
    let health = api.call(Call::get("/healthz")).await;
    assert_eq!(
        (health.status, health.json()),
        (200, json!({"status": "up"}))
    );
    let ready = api.call(Call::get("/readyz")).await;
    let parts = |broker: bool, running: bool| json!({"store": true, "running": running, "broker_jobs": broker});
    assert_eq!(
        (ready.status, ready.json()),
        (200, json!({"ready": true, "parts": parts(true, true)}))
    );
    api.broker_ready.store(false, Ordering::Relaxed);
    let problem = api.call(Call::get("/readyz")).await.problem(503);
    assert_eq!(problem["parts"], parts(false, true));
    api.broker_ready.store(true, Ordering::Relaxed);
    api.worker.deps.stop.cancel();
    let problem = api.call(Call::get("/readyz")).await.problem(503);
    assert_eq!(problem["parts"], parts(true, false));
    assert_eq!(api.call(Call::get("/healthz")).await.status, 200);
}

#[tokio::test]
async fn metrics_are_the_text_that_prometheus_reads() {
    let api = start().await;
    let metrics = api.call(Call::get("/metrics")).await;
    assert_eq!(
        (metrics.status, metrics.text()),
        (200, "budstikke_jobs_total 7\n")
    );
    assert_eq!(
        metrics.header(CONTENT_TYPE),
        Some("text/plain; version=0.0.4")
    );
}

#[tokio::test]
async fn what_is_nowhere_and_wrong_methods_are_problems() {
    let api = start().await;
    for path in ["/", "/v1", "/v1/jobs/", "/v2/jobs", "/problems/none"] {
        api.call(Call::get(path).key(OSLO)).await.problem(404);
    }
    let wrong = api.call(Call::new("PATCH", "/v1/jobs/a").key(OSLO)).await;
    wrong.problem(405);
    let allowed = wrong.header(ALLOW).unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("DELETE"),
        "{allowed}"
    );
    api.call(Call::get("/v1/jobs/%FF").key(OSLO))
        .await
        .problem(400);
}

#[tokio::test]
async fn answers_carry_the_callers_request_id_if_it_is_harmless() {
    let api = start().await;
    let named = Call::get("/healthz").header(REQUEST_ID, "abc-1");
    let answer = api.call(named).await;
    assert_eq!(answer.header(REQUEST_ID), Some("abc-1"));
    assert_eq!(answer.header(CACHE_CONTROL), Some("no-store"));
    for odd in ["a b", "", "a\tb", &"x".repeat(65)] {
        let answer = api
            .call(Call::get("/healthz").header(REQUEST_ID, odd))
            .await;
        let id = answer.header(REQUEST_ID).unwrap();
        assert!(
            id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn every_described_call_is_served_and_every_kind_of_problem_explained() {
    let api = start().await;
    let description = api.call(Call::get("/openapi.json")).await;
    assert_eq!(description.header(CONTENT_TYPE), Some("application/json"));
    let description = description.json();
    assert_eq!(description["openapi"], "3.1.0");
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let address = path.replace("{gateway}", "open").replace(['{', '}'], "");
            let answer = api.call(Call::new(&method.to_uppercase(), &address)).await;
            let refused = [404, 405, 500].contains(&answer.status);
            assert!(!refused, "{method} {path}: {}", answer.status);
        }
    }
    let page = api.call(Call::get("/docs")).await;
    assert_eq!(page.header(CONTENT_TYPE), Some("text/html; charset=utf-8"));
    let html = &page.text().replace("&#x2f;", "/");
    for call in [
        "/v1/jobs/{job}/notifications",
        "enqueueJob",
        "schema-JobReceipt",
    ] {
        assert!(html.contains(call), "{call}");
    }
    assert!(!html.contains("<script") && !html.contains("src="));
    for slug in ["invalid-job", "job-conflict"] {
        let answer = api.call(Call::get(&format!("/problems/{slug}"))).await;
        let place = answer.header(LOCATION).unwrap();
        let anchor = place.strip_prefix("/docs#").unwrap();
        assert!(html.contains(&format!("id=\"{anchor}\"")), "{anchor}");
    }
    assert!(html.contains("Default `normal`."));
    check_links(html, &description);
}

/// Every link within the page leads somewhere.
fn check_links(html: &str, description: &Value) {
    let links = html.split("href=\"#").skip(1);
    for link in links.filter_map(|rest| rest.split('"').next()) {
        assert!(html.contains(&format!("id=\"{link}\"")), "{link}");
    }
    let schemas = description["components"]["schemas"].as_object().unwrap();
    assert!(schemas.len() > 20, "{}", schemas.len());
}
