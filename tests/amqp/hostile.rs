//! What an agency's message can hold besides its body, to disturb all others.

use std::process::Command;

use budstikke::ports::job_source::{JobSource, MessageKind};

use crate::support::{Broker, Worker, agency_id, by, publish, until};

/// Publishes what a well-behaved client library cannot: headers within headers, and names that are no
/// text. The thread has room for the publisher's own recursion.
const PUBLISH: &str = r#"
import os, sys, threading
import pika

def headers(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return {"x": value}

def publish():
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["BROKER"]))
    channel = connection.channel()
    channel.confirm_delivery()
    user = os.environ["AGENCY"]
    for properties in [
        dict(headers=headers(40)),
        dict(headers=headers(20000)),
        dict(message_id=b"\xff\xfe"),
        dict(headers={b"\xff": "x"}),
        dict(headers={"CC": ["oslo.normal"]}),
    ]:
        properties = pika.BasicProperties(user_id=user, **properties)
        channel.basic_publish("budstikke.jobs", "oslo.normal", b"{}", properties, mandatory=True)
    connection.close()

sys.setrecursionlimit(200000)
threading.stack_size(512 * 1024 * 1024)
thread = threading.Thread(target=publish)
thread.start()
thread.join()
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL and TEST_PYTHON"]
async fn no_headers_and_no_names_disturb_the_messages_behind_them() {
    let mut broker = Broker::new("hostile");
    let user = broker.user("oslo");
    let worker = Worker::ready(&broker.url(), broker.topology(&["oslo"])).await;
    let python =
        std::env::var("TEST_PYTHON").expect("TEST_PYTHON must be set; scripts/test does it");
    let published = Command::new(python)
        .args(["-c", PUBLISH])
        .env("BROKER", broker.url_of(&user))
        .env("AGENCY", &user)
        .output()
        .unwrap();
    let complained = String::from_utf8_lossy(&published.stderr);
    assert!(
        published.status.success() && complained.is_empty(),
        "{complained}"
    );
    let channel = broker.channel(&broker.url_of(&user)).await;
    publish(&channel, "oslo.normal", "{}", by(&user))
        .await
        .unwrap();

    let mut good = 0;
    let mut reasons = Vec::new();
    // Two with names that were mended, and the last one, are as good as any; the one with CC came twice
    // to the same queue, or once.
    while good < 3 || reasons.len() < 3 {
        let message = worker.take_one().await;
        match message.sender {
            Ok(agency) => {
                assert_eq!(
                    (agency, message.kind),
                    (agency_id("oslo"), MessageKind::Job)
                );
                message.handle.0.ack().await;
                good += 1;
            }
            Err(refusal) => {
                message.handle.0.dead_letter(&refusal.reason).await;
                reasons.push(refusal.reason);
            }
        }
    }
    reasons.sort();
    reasons.dedup();
    assert_eq!(
        reasons,
        ["the header CC is not allowed", "the headers nest too deep"]
    );
    until("the source is ready", || worker.jobs.is_ready()).await;
}
