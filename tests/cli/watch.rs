//! What a worker tells Prometheus, for people.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use budstikke::cli::watch::exposition::read;
use budstikke::cli::watch::snapshot::Snapshot;
use insta::assert_snapshot;

use super::run::Place;

const THEN: &str = r#"
# TYPE budstikke_due gauge
budstikke_due{lane="urgent"} 0
budstikke_due{lane="normal"} 1200
budstikke_oldest_due_seconds{lane="normal"} 75.5
budstikke_settled_total{channel="sms",status="sent",reason=""} 100
budstikke_settled_total{channel="email",status="sent",reason=""} 50
budstikke_settled_total{channel="sms",status="not_sent",reason="reserved"} 3
budstikke_tries_total{gateway="odd \"} name",outcome="accepted"} 1e2
budstikke_wire_seconds_bucket{gateway="primary",le="+Inf"} 7
nonsense
"#;

#[test]
fn rates_are_what_came_since_the_last_look_and_a_restart_is_no_minus() {
    let then = Snapshot::of(&read(THEN));
    let text = THEN
        .replace("reason=\"\"} 100", "reason=\"\"} 160")
        .replace("\"reserved\"} 3", "\"reserved\"} 1");
    let now = Snapshot::of(&read(&text));
    assert_snapshot!(now.view(Some((&then, Duration::from_secs(2)))).join("\n"), @r#"
    lane            due     oldest
    urgent            0      0.0 s
    normal        1,200      1 min
    bulk              0      0.0 s

    settled           per second          all
    sent                    30.0          210
    not_sent                 0.5            1

    tries                                per second          all
    odd "} name        accepted                 0.0          100
    "#);
    assert_snapshot!(then.line(None), @"due urgent 0 (0.0 s), normal 1,200 (1 min), bulk 0 (0.0 s); settled – per second, 153 in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_lines_are_written_where_no_terminal_is() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/metrics", get(|| async { THEN }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let said = Place::new()
        .run(&[
            "watch", "--api", &address, "--count", "2", "--every", "100ms",
        ])
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out.lines().count(), 2);
    assert!(
        said.out
            .lines()
            .all(|line| line.starts_with("due urgent 0")),
        "{}",
        said.out
    );
}
