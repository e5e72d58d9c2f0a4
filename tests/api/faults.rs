//! When the store is away, or we are wrong.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use budstikke::api::{ApiLimits, ApiParts, ApiState, router};

use crate::calls::Call;
use crate::keys::agency_calls;
use crate::support::{LIMITS, OSLO, TOKEN, job, start, start_with};

#[tokio::test]
async fn a_store_that_is_away_is_a_503_that_says_when_to_come_back() {
    let api = start().await;
    api.accepted(&job("a", 1)).await;
    // The key is remembered, so the calls get as far as their own question.
    api.sql("ALTER TABLE job RENAME TO gone").await;
    api.sql("ALTER TABLE event RENAME TO gone_event").await;
    api.sql("ALTER TABLE try RENAME TO gone_try").await;
    for call in agency_calls("a")
        .into_iter()
        .skip(1)
        .filter(|call| !call.is_to("/v1/preview") && !call.is_to("/v1/opt-outs"))
    {
        let answer = api.call(call.key(OSLO)).await;
        let problem = answer.problem(503);
        assert_eq!(answer.header(RETRY_AFTER), Some("2"));
        assert!(!problem.to_string().contains("gone"), "{problem}");
    }
    let enqueue = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&job("b", 1)))
        .await;
    enqueue.problem(503);
    let report = Call::post("/v1/receipts/guarded")
        .key(TOKEN)
        .body("text/plain", "id");
    api.call(report).await.problem(503);
    api.sql("ALTER TABLE api_key RENAME TO gone_key").await;
    let ready = api.call(Call::get("/readyz")).await.problem(503);
    assert_eq!(ready["parts"]["store"], false);
    api.call(Call::get("/v1/events").key("not-remembered"))
        .await
        .problem(503);
}

#[tokio::test]
async fn a_worker_that_stops_takes_no_more_jobs() {
    let api = start().await;
    api.worker.deps.stop.cancel();
    let answer = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&job("a", 1)))
        .await;
    answer.problem(503);
    assert_eq!(answer.header(RETRY_AFTER), Some("2"));
}

#[tokio::test]
async fn a_store_that_hangs_is_not_waited_for_longer_than_a_request_may_take() {
    use sqlx::{Connection, Executor, SqliteConnection};
    let api = start_with(ApiLimits {
        request_timeout: Duration::from_millis(300),
        ..LIMITS
    })
    .await;
    let mut other = SqliteConnection::connect(&api.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let answer = api
        .call(Call::post("/v1/jobs").key(OSLO).json(&job("a", 1)))
        .await;
    answer.problem(504);
    other.execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_panic_is_a_problem_and_tells_nothing() {
    let api = start().await;
    let state = ApiState::new(ApiParts {
        deps: Arc::clone(&api.worker.deps),
        intake: api.worker.intake.clone(),
        receipts: api.worker.receipts.clone(),
        tokens: None,
        receipt_sources: Vec::new(),
        bounces: crate::support::bounces(),
        ready: Arc::new(Vec::new),
        metrics: Arc::new(|| panic!("20914695016 is a secret")),
        limits: LIMITS,
    });
    let answer = Call::get("/metrics").on(&router(state)).await;
    answer.problem(500);
    assert!(!answer.text().contains("secret"));
}
