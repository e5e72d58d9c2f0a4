//! The feed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::calls::Call;
use crate::support::{Api, BERGEN, OSLO, job, start};

async fn page(api: &Api, query: &str) -> Value {
    let answer = api
        .call(Call::get(&format!("/v1/events{query}")).key(OSLO))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Waits until the feed holds so many events.
async fn filled(api: &Api, events: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let feed = page(api, "?limit=1000").await;
        let items = feed["items"].as_array().unwrap();
        if items.len() >= events {
            assert_eq!(items.len(), events);
            return items.clone();
        }
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{} of {events} events",
            items.len()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_feed_tells_what_happened_in_order_without_gaps() {
    let api = start().await;
    assert_eq!(page(&api, "").await, json!({"items": [], "next": "0"}));
    assert_eq!(page(&api, "?after=007").await["next"], "7");
    api.accepted(&job("a", 1)).await;
    let refused = Call::post("/v1/jobs").key(OSLO).json(&json!({"job": "b"}));
    api.call(refused).await.problem(422);
    api.call(Call::new("DELETE", "/v1/jobs/a").key(OSLO)).await;
    let all = filled(&api, 5).await;
    let kinds: Vec<_> = all
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds[..2],
        ["no.budstikke.job.accepted", "no.budstikke.job.rejected"]
    );
    for (index, event) in all.iter().enumerate() {
        assert_eq!(event["sequence"], (index + 1).to_string());
        assert_eq!(
            (&event["specversion"], &event["source"]),
            (&json!("1.0"), &json!("/budstikke/oslo"))
        );
    }
    assert_eq!(
        all[0]["data"],
        json!({"job": "a", "recipients": 1, "repeated": false, "totals": {"accepted": 1}})
    );
    assert_eq!(all[1]["data"]["reason"], "invalid");

    let (mut after, mut read) = ("0".to_owned(), Vec::new());
    loop {
        let some = page(&api, &format!("?after={after}&limit=2")).await;
        let items = some["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        read.extend(items.iter().cloned());
        let next = some["next"].as_str().unwrap().to_owned();
        if items.is_empty() {
            assert_eq!(next, after);
            break;
        }
        after = next;
    }
    assert_eq!(read, all);
    let others = api.call(Call::get("/v1/events").key(BERGEN)).await;
    assert_eq!(others.json(), json!({"items": [], "next": "0"}));
}
