//! `budstikke submit --amqp` and `budstikke dead` against a real broker.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Broker, LIMIT, Worker};

async fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_budstikke"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, child).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL"]
async fn a_job_is_submitted_dies_is_shown_and_comes_back() {
    let mut broker = Broker::new("cli");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let job = json!({"job": "a", "class": "service_message", "message": {"nb": {"sms": "Hei"}},
        "recipients": [{"phone": "+4799999999"}]});
    file("job.json", job.to_string());
    file("us.toml", format!("[amqp]\nurl = \"{}\"\n", broker.url()));

    let url = broker.url_of(&user);
    let submit = ["submit", "job.json", "--amqp", &url, "--agency", "oslo"];
    let (code, out, err) = run(folder.path(), &submit).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, "1 job with 1 recipient confirmed by the broker\n");
    assert!(err.contains("progress needs --api URL"), "{err}");

    let message = worker.take_one().await;
    let sent: Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(sent, job);
    message.handle.0.dead_letter("because of the test").await;
    broker.until_depth("budstikke.dead", 1).await;

    let dead = |more: &'static [&'static str]| [&["--config", "us.toml", "dead"], more].concat();
    let (_, list, err) = run(folder.path(), &dead(&["list", "--json"])).await;
    let list: Value = serde_json::from_str(&list).unwrap_or_else(|_| panic!("{err}"));
    let id = list["letters"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(list["letters"][0]["reason"], "because of the test");
    let (_, table, _) = run(folder.path(), &dead(&["list"])).await;
    assert!(
        table.contains(&id) && table.contains("because of the test"),
        "{table}"
    );

    let show = [&dead(&["show"])[..], &[&id]].concat();
    let (_, shown, _) = run(folder.path(), &show).await;
    assert!(
        shown.contains("because of the test") && !shown.contains("99999999"),
        "{shown}"
    );
    let (_, shown, _) = run(folder.path(), &[&show[..], &["--body"]].concat()).await;
    assert!(shown.contains("99999999"), "{shown}");

    let replay = [&dead(&["replay"])[..], &["0123456789abcdef", &id]].concat();
    let (code, out, err) = run(folder.path(), &replay).await;
    assert_eq!((code, out.as_str()), (1, "1 letter replayed\n"));
    assert_eq!(
        err,
        "error: no dead letter has the id 0123456789abcdef; `budstikke dead list` shows them\n"
    );
    let again = worker.take_one().await;
    assert_eq!(again.sender.as_ref().unwrap().as_str(), "oslo");
    worker.ack(vec![again]).await;

    // Nobody consumes for bergen.
    let stranger = ["submit", "job.json", "--amqp", &url, "--agency", "bergen"];
    let (code, _, err) = run(folder.path(), &stranger).await;
    assert_eq!(code, 1);
    assert!(
        err.starts_with("error: no queue for agency bergen"),
        "{err}"
    );
}
