//! Workers of a fleet that do not all do the same, or do not all know the same agencies.

use std::time::Instant;

use serde_json::json;

use crate::broker::{infrastructure, publish, rabbitmqctl_answers};
use crate::support::{LIMIT, Site, broadcast};

async fn site(name: &str) -> (Site, String, String) {
    let (database, vhost, user) = infrastructure(name).await;
    let extra = format!("[[agency]]\nid = \"oslo\"\nbroker_user = \"{user}\"\n");
    let site = Site::new(&extra)
        .await
        .with_env("BUDSTIKKE__DATABASE__URL", &database)
        .with_env("BUDSTIKKE__AMQP__URL", &vhost);
    site.run(&["migrate"]);
    (site, vhost, user)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL, TEST_POSTGRES_URL and TEST_PYTHON"]
async fn who_only_publishes_leaves_the_jobs_to_those_who_take_them_in() {
    let (mut site, vhost, user) = site("publishing").await;
    site.serve_as(&["--roles", "api,publish"]).await;
    let jobs = json!([{"body": broadcast("left", 1)}]);
    publish(&site, &vhost, &user, &jobs, 0);
    let (_, name) = vhost.rsplit_once('/').unwrap();
    // A quorum queue tells its numbers every few seconds.
    let started = Instant::now();
    loop {
        let queues = rabbitmqctl_answers(&format!(
            "list_queues -q -p {name} name messages_ready consumers"
        ));
        let told = queues
            .lines()
            .find_map(|line| line.strip_prefix("budstikke.jobs.oslo.normal"))
            .unwrap_or_default();
        if told.split_whitespace().eq(["1", "0"]) {
            break;
        }
        assert!(started.elapsed() < LIMIT, "{queues}");
    }
    assert!(site.stop().await.success(), "{}", site.log());

    site.serve().await;
    let told = publish(&site, &vhost, &user, &json!([]), 1);
    assert_eq!(told[0]["event"]["subject"], "left", "{told:?}");
    assert!(site.stop().await.success(), "{}", site.log());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL, TEST_POSTGRES_URL and TEST_PYTHON"]
async fn events_wait_for_a_publisher_that_knows_their_agency() {
    let (mut site, vhost, user) = site("newcomer").await;
    let key = site.key("oslo");
    let api = site.serve_as(&["--roles", "api"]).await.with_key(&key);
    api.submit(&broadcast("early", 1)).await;
    assert!(site.stop().await.success(), "{}", site.log());

    // A worker with yesterday's configuration publishes.
    let files = ["site.toml", "extra.toml"].map(|name| site.path(name));
    let today = files
        .each_ref()
        .map(|file| std::fs::read_to_string(file).unwrap());
    for (file, text) in files.iter().zip(&today) {
        let yesterday = text.replace("\"oslo\"", "\"asker\"");
        std::fs::write(file, yesterday).unwrap();
    }
    site.serve_as(&["--roles", "api,publish"]).await;
    site.until_said("is not in the configuration of this worker")
        .await;
    assert!(site.stop().await.success(), "{}", site.log());

    for (file, text) in files.iter().zip(&today) {
        std::fs::write(file, text).unwrap();
    }
    site.serve().await;
    let told = publish(&site, &vhost, &user, &json!([]), 1);
    assert_eq!(told[0]["key"], "oslo.job.accepted", "{told:?}");
    assert_eq!(told[0]["event"]["sequence"], "1", "{told:?}");
    assert!(site.stop().await.success(), "{}", site.log());
}
