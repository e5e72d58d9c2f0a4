//! What became of the recipients, page by page.

use std::collections::BTreeSet;

use serde_json::json;

use crate::calls::Call;
use crate::support::{OSLO, job, letter, start};

#[tokio::test]
async fn pages_of_any_size_hold_every_recipient_once_and_in_order() {
    let api = start().await;
    api.accepted(&job("big", 250)).await;
    for (limit, pages) in [
        ("", 3),
        ("&limit=100", 3),
        ("&limit=249", 2),
        ("&limit=250", 1),
        ("&limit=1000", 1),
    ] {
        let (mut cursor, mut seen, mut count) = (String::new(), Vec::new(), 0);
        loop {
            let path = format!("/v1/jobs/big/notifications?cursor={cursor}{limit}");
            let page = api.call(Call::get(&path).key(OSLO)).await;
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.json();
            let items = page["items"].as_array().unwrap();
            seen.extend(
                items
                    .iter()
                    .map(|item| item["ref"].as_str().unwrap().to_owned()),
            );
            count += 1;
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        let expected: Vec<_> = (0..250).map(|n| format!("r{n}")).collect();
        assert_eq!((seen, count), (expected, pages), "{limit}");
    }
}

#[tokio::test]
async fn what_is_not_settled_is_shown_too() {
    let api = start().await;
    api.accepted(&letter("l")).await;
    let list = api
        .call(Call::get("/v1/jobs/l/notifications").key(OSLO))
        .await;
    let mut list = list.json();
    // No channel yet: the plan chooses it.
    assert!(list["items"][0]["at"].take().is_string());
    assert_eq!(
        list["items"][0],
        json!({"job": "l", "ref": "kari", "occasion": 0, "status": "accepted",
               "at": null, "version": 0, "possible_duplicate": false, "paper": false})
    );
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["next"], json!(null));
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused() {
    let api = start().await;
    for name in ["a", "b"] {
        api.accepted(&job(name, 3)).await;
    }
    let page = api
        .call(Call::get("/v1/jobs/a/notifications?limit=1").key(OSLO))
        .await;
    let cursor = page.json()["next"].as_str().unwrap().to_owned();
    let queries = [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=AAAAAAAAAAAAAAAA",
    ];
    let mut paths: BTreeSet<String> = queries
        .iter()
        .map(|query| format!("/v1/jobs/a/notifications?{query}"))
        .collect();
    paths.insert(format!("/v1/jobs/b/notifications?cursor={cursor}"));
    paths
        .extend(["after=-1", "after=x", "after=1.5", "limit=0"].map(|q| format!("/v1/events?{q}")));
    for path in paths {
        api.call(Call::get(&path).key(OSLO)).await.problem(400);
    }
}
