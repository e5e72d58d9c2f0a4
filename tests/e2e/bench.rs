//! `budstikke bench` against a worker: what it publishes is what it reads back.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::broker::{infrastructure, needed};
use crate::support::{LIMIT, Site};

fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the binary runs");
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_over_http_finds_every_notification_again() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    // The feed holds something already; the bench starts at its end.
    api.submit(&serde_json::json!({
        "job": "before", "class": "service_message", "window": "anytime", "channel": "sms",
        "message": {"nb": {"sms": "Før"}}, "recipients": [{"phone": "+4799999999"}],
    }))
    .await;
    api.until_finished("before").await;
    let pid = format!("worker={}", site.pid().as_raw_nonzero());
    let mut command = site.command(&[
        "bench",
        "--url",
        &api.url,
        "--jobs",
        "30",
        "--recipients",
        "3",
        "--sms",
        "40%",
        "--sandboxed",
        "--pid",
        &pid,
        "--json",
    ]);
    command.env("BUDSTIKKE_API_KEY", &key);
    let (code, said, errors) = output(command);
    assert_eq!(code, Some(0), "{said}{errors}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(report["statuses"], serde_json::json!({"sent": 90}));
    assert_eq!(report["settled"]["notifications"], 90);
    assert_eq!(report["not_settled"], 0);
    assert_eq!(report["latency_ms"]["settled"]["count"], 90);
    assert_eq!(report["latency_ms"]["accepted"]["count"], 30);
    assert_eq!(report["processes"][0]["name"], "worker");
    assert_eq!(site.sms.inbox().count(), 36 + 1);
    assert_eq!(site.mail.mailbox().count(), 54);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_that_is_interrupted_tells_what_it_has_measured() {
    let mut site = Site::new("").await;
    let key = site.key("oslo");
    let api = site.serve().await;
    let mut command = site.command(&[
        "bench",
        "--url",
        &api.url,
        "--jobs",
        "100000",
        "--rate",
        "50/s",
        "--sandboxed",
        "--json",
    ]);
    command
        .env("BUDSTIKKE_API_KEY", &key)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let started = Instant::now();
    while site.sms.inbox().count() < 3 {
        assert!(started.elapsed() < LIMIT, "nothing is sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(
        report["published"]["notifications"].as_u64().unwrap() >= 6,
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bench_lacks_is_said_before_anything_is_sent() {
    let site = Site::new("").await;
    let said = |args: &[&str]| {
        let (code, _, errors) = output(site.command(args));
        assert_eq!(code, Some(1), "{errors}");
        errors
    };
    let unguarded = said(&["bench"]);
    assert!(unguarded.contains("--sandboxed"), "{unguarded}");
    let keyless = said(&["bench", "--sandboxed"]);
    assert!(keyless.contains("BUDSTIKKE_API_KEY"), "{keyless}");
    let gone = said(&["bench", "--sandboxed", "--pid", "worker=4000000000"]);
    assert!(gone.contains("there is no such process"), "{gone}");
    let taken = site.sms.address().to_string();
    let occupied = said(&["bench", "--sink", "--sms-sink", &taken]);
    assert!(occupied.contains("cannot listen there"), "{occupied}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_POSTGRES_URL, TEST_AMQP_URL and TEST_RABBITMQCTL"]
async fn a_bench_over_amqp_is_its_own_gateway_and_times_what_it_takes() {
    let (database, amqp, user) = infrastructure("bench").await;
    let (_, place) = needed("TEST_AMQP_URL")
        .rsplit_once('@')
        .map(|(log_in, place)| (log_in.to_owned(), place.to_owned()))
        .unwrap();
    let (host, _) = place.split_once('/').unwrap();
    let vhost = amqp.rsplit('/').next().unwrap();
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let (sms, smtp) = (free(), free());
    let extra = format!(
        "[amqp]\nurl = \"{amqp}\"\n[[sms_gateway]]\nname = \"primary\"\nurl = \"http://{sms}/sms\"\n\
         [[email_relay]]\nname = \"relay\"\nurl = \"smtp://{smtp}\"\n"
    );
    let mut site = Site::new(&extra)
        .await
        .with_env("BUDSTIKKE__DATABASE__URL", &database);
    site.serve_as(&["--migrate"]).await;
    let url = format!("amqp://{user}:hemmelig@{host}/{vhost}");
    let (code, said, errors) = output(site.command(&[
        "bench",
        "--amqp",
        &url,
        "--jobs",
        "40",
        "--rate",
        "100/s",
        "--sink",
        "--sms-sink",
        &sms,
        "--smtp-sink",
        &smtp,
        "--json",
    ]));
    assert_eq!(code, Some(0), "{said}{errors}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["statuses"], serde_json::json!({"sent": 40}));
    assert_eq!(
        report["taken_over"],
        serde_json::json!({"sms": 20, "email": 20})
    );
    assert_eq!(report["latency_ms"]["taken_over"]["count"], 40);
    let (p50, max) = ("/latency_ms/taken_over/p50", "/latency_ms/settled/max");
    let number = |pointer| report.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(number(p50) <= number(max), "{report}");
}
