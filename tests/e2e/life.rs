//! Starting, stopping, dying.

use std::time::Duration;

use budstikke::sandbox::sms::{Knobs, Span};
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Site, broadcast};

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_under_load_it_finishes_the_wires_and_the_next_one_goes_on() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let slow = Span {
        from: Duration::from_millis(20),
        to: Duration::from_millis(200),
    };
    site.sms.set(Knobs {
        latency: slow,
        ..Knobs::default()
    });
    api.submit(&broadcast("load", 600)).await;
    assert!(site.sms.inbox().wait_for(50, crate::support::LIMIT).await);
    assert!(site.stop().await.success(), "{}", site.log());
    let before = site.sms.inbox().count();
    assert!(before < 600, "the load was too small to be interrupted");
    let api = site.serve().await.with_key(&key);
    api.until_totals("load", &json!({"sent": 600})).await;
    // Nothing was unknown, so nobody got it twice.
    assert_eq!(site.sms.inbox().count(), 600);
    assert_eq!(site.sms.inbox().most_per_reference(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_leaves_the_wires_and_they_become_unknown_not_lost() {
    let extra = "[recovery]\nworker_dead = \"1s\"\nheartbeat = \"200ms\"\nunknown_sms = \"1s\"\n";
    let mut site = Site::new(extra).await;
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let slow = Span {
        from: Duration::from_secs(5),
        to: Duration::from_secs(5),
    };
    site.sms.set(Knobs {
        latency: slow,
        ..Knobs::default()
    });
    api.submit(&broadcast("hurry", 10)).await;
    assert!(site.sms.inbox().wait_for(10, crate::support::LIMIT).await);
    site.signal(Signal::TERM);
    site.until_said("asked to stop").await;
    let asked = std::time::Instant::now();
    site.signal(Signal::TERM);
    assert!(site.ended().await.success(), "{}", site.log());
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "the second signal did not hurry it"
    );
    site.sms.set(Knobs::default());
    let api = site.serve().await.with_key(&key);
    api.until_totals("hurry", &json!({"sent": 10})).await;
    let page = api.get("/v1/jobs/hurry/notifications").await;
    for item in page["items"].as_array().unwrap() {
        assert_eq!(item["possible_duplicate"], true, "{item}");
    }
    assert_eq!(site.sms.inbox().most_per_reference(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_nothing_is_lost_and_nobody_gets_it_more_than_twice() {
    let extra = "[recovery]\nworker_dead = \"1s\"\nheartbeat = \"200ms\"\nunknown_sms = \"1s\"\n";
    let mut site = Site::new(extra).await;
    let key = site.key("oslo");
    let mut api = site.serve().await.with_key(&key);
    let slow = Span {
        from: Duration::from_millis(5),
        to: Duration::from_millis(100),
    };
    site.sms.set(Knobs {
        latency: slow,
        ..Knobs::default()
    });
    api.submit(&broadcast("killed", 400)).await;
    for sent in [40, 120, 240] {
        assert!(site.sms.inbox().wait_for(sent, crate::support::LIMIT).await);
        site.signal(Signal::KILL);
        assert!(!site.ended().await.success());
        api = site.serve().await.with_key(&key);
    }
    api.until_finished("killed").await;
    let mut counted = 0;
    let mut cursor = String::new();
    loop {
        let page = api
            .get(&format!("/v1/jobs/killed/notifications?limit=500{cursor}"))
            .await;
        for item in page["items"].as_array().unwrap() {
            let position: u32 = item["ref"].as_str().unwrap().parse().unwrap();
            let received = site
                .sms
                .inbox()
                .to(&format!("+4790{:06}", position - 1))
                .len();
            counted += 1;
            // Killed before the answer, twice: nobody knows. Everybody else got it.
            match item["status"].as_str().unwrap() {
                "sent" => assert!(received >= 1, "{item}"),
                "uncertain" => {}
                other => panic!("{other}: {item}"),
            }
            let most = if item["possible_duplicate"] == true {
                2
            } else {
                1
            };
            assert!(received <= most, "{received} times: {item}");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(counted, 400);
    assert!(site.sms.inbox().most_per_reference() <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_worker_on_the_same_file_is_refused_with_words() {
    let mut site = Site::new("").await;
    site.serve().await;
    let second = site.command(&["serve"]).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("site.db"), "{said}");
    assert!(said.contains("process"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_one_role_takes_jobs_in_and_another_sends_them() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve_as(&["--roles", "api"]).await.with_key(&key);
    api.submit(&broadcast("roles", 3)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let view = api.get("/v1/jobs/roles").await;
    assert_eq!(view["totals"], json!({"accepted": 3}));
    assert!(site.stop().await.success(), "{}", site.log());
    let api = site.serve().await.with_key(&key);
    api.until_totals("roles", &json!({"sent": 3})).await;
}
