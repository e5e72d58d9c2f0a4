//! RabbitMQ, PostgreSQL and a real SMTP server, with a publisher in another language.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::support::{LIMIT, Site, appointment, register};

pub(crate) fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_missing| panic!("{name} must be set; `scripts/test` does"))
}

fn rabbitmqctl(words: &str) {
    drop(rabbitmqctl_answers(words));
}

pub(crate) fn rabbitmqctl_answers(words: &str) -> String {
    try_rabbitmqctl(words).unwrap_or_else(|errors| panic!("{words}: {errors}"))
}

/// `Err`: what it said instead.
fn try_rabbitmqctl(words: &str) -> Result<String, String> {
    let command = format!("{} {words}", needed("TEST_RABBITMQCTL"));
    let output = Command::new("sh")
        .args(["-c", &command])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// A database and a virtual host of this test's own, with the broker user `oslo`.
pub(crate) async fn infrastructure(name: &str) -> (String, String, String) {
    let server = needed("TEST_POSTGRES_URL");
    let database = format!("e2e_{name}_{}", std::process::id());
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {database}")))
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let admin = needed("TEST_AMQP_URL");
    let (before, _) = admin.rsplit_once('/').unwrap();
    let user = before
        .rsplit('/')
        .next()
        .unwrap()
        .split(':')
        .next()
        .unwrap()
        .to_owned();
    rabbitmqctl(&format!("add_vhost {database}"));
    rabbitmqctl(&format!(
        "set_permissions -p {database} {user} '.*' '.*' '.*'"
    ));
    // The broker is the tests' own, and all of them mean the same `oslo`: whoever comes first adds it.
    let agency_user = "oslo".to_owned();
    if let Err(errors) = try_rabbitmqctl(&format!("add_user {agency_user} hemmelig")) {
        assert!(errors.contains("already exists"), "{errors}");
    }
    rabbitmqctl(&format!(
        "set_permissions -p {database} {agency_user} '^$' '^budstikke\\.jobs$' '^budstikke\\.events\\.oslo$'"
    ));
    rabbitmqctl(&format!(
        "set_topic_permissions -p {database} {agency_user} budstikke.jobs '^oslo\\.(urgent|normal)$' '^$'"
    ));
    (
        format!("{base}/{database}"),
        format!("{before}/{database}"),
        agency_user,
    )
}

/// Python's pika publishes jobs as `user` and prints the events that arrive, a line each.
const PIKA: &str = r"
import json, sys, time, pika
url, user, jobs, wanted, limit = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3])), int(sys.argv[4]), float(sys.argv[5])
p = pika.URLParameters(url)
p.credentials = pika.PlainCredentials(user, 'hemmelig')
c = pika.BlockingConnection(p)
ch = c.channel()
ch.confirm_delivery()
for job in jobs:
    props = pika.BasicProperties(user_id=user, content_type='application/json', delivery_mode=2, type=job.get('type'))
    ch.basic_publish('budstikke.jobs', 'oslo.' + job.get('lane', 'normal'), json.dumps(job['body']).encode(), props, mandatory=True)
seen, end = 0, time.monotonic() + limit
while seen < wanted and time.monotonic() < end:
    frame, props, body = ch.basic_get('budstikke.events.oslo', auto_ack=True)
    if frame is None:
        time.sleep(0.02)
        continue
    seen += 1
    print(json.dumps({'key': frame.routing_key, 'type': props.content_type, 'event': json.loads(body)}), flush=True)
c.close()
";

pub(crate) fn publish(
    site: &Site,
    url: &str,
    user: &str,
    jobs: &Value,
    events: usize,
) -> Vec<Value> {
    std::fs::write(site.path("agency.py"), PIKA).unwrap();
    std::fs::write(site.path("jobs.json"), jobs.to_string()).unwrap();
    let output = Command::new(needed("TEST_PYTHON"))
        .arg(site.path("agency.py"))
        .args([url, user])
        .arg(site.path("jobs.json"))
        .args([&events.to_string(), "20"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Postfix' smtp-sink, which writes every message into a file.
struct Sink {
    child: std::process::Child,
    folder: std::path::PathBuf,
    port: u16,
}

impl Sink {
    fn start(site: &Site) -> Self {
        let folder = site.path("mail");
        std::fs::create_dir(&folder).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = Command::new(needed("TEST_SMTP_SINK"));
        // Root is refused unless it says whom to become; a sink of our own files may stay root.
        if rustix::process::getuid().is_root() {
            command.args(["-u", "root"]);
        }
        let pattern = folder.join("%M.");
        command
            .arg("-d")
            .arg(pattern)
            .arg(format!("127.0.0.1:{port}"))
            .arg("100");
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .expect("smtp-sink starts");
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < LIMIT, "smtp-sink does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            folder,
            port,
        }
    }

    fn mails(&self) -> Vec<String> {
        std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .filter(|mail| mail.contains("kari@example.no"))
            .collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_AMQP_URL, TEST_POSTGRES_URL, TEST_SMTP_SINK and TEST_PYTHON"]
async fn another_languages_client_publishes_a_job_and_reads_its_events() {
    let (database, vhost, user) = infrastructure("whole").await;
    let extra = format!("[[agency]]\nid = \"oslo\"\nbroker_user = \"{user}\"\n");
    let site = Site::new(&extra).await;
    let sink = Sink::start(&site);
    let mut site = site
        .with_env("BUDSTIKKE__DATABASE__URL", &database)
        .with_env("BUDSTIKKE__AMQP__URL", &vhost)
        .with_env(
            "BUDSTIKKE__EMAIL_RELAY__RELAY__URL",
            &format!("smtp://127.0.0.1:{}", sink.port),
        );
    site.run(&["migrate"]);
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    site.run(&["check"]);
    let _api = site.serve().await;

    let jobs = json!([{"body": appointment("appointment-8831")}]);
    let told = publish(&site, &vhost, &user, &jobs, 5);
    let keys: Vec<&str> = told
        .iter()
        .map(|told| told["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.first(), Some(&"oslo.job.accepted"), "{told:?}");
    assert_eq!(keys.last(), Some(&"oslo.job.finished"), "{told:?}");
    assert_eq!(
        keys.iter()
            .filter(|key| **key == "oslo.notification.sent")
            .count(),
        3,
        "{told:?}"
    );
    for (told, sequence) in told.iter().zip(1..) {
        assert_eq!(told["type"], "application/cloudevents+json");
        assert_eq!(told["event"]["sequence"], sequence.to_string());
    }
    let mut sms: Vec<_> = site
        .sms
        .inbox()
        .snapshot()
        .iter()
        .map(|t| (t.to.to_string(), t.text.to_string()))
        .collect();
    sms.sort();
    assert_eq!(
        sms,
        [
            (
                "+4799999998".to_owned(),
                "Appointment tirsdag 09:30.".to_owned()
            ),
            (
                "+4799999999".to_owned(),
                "Time hos oss tirsdag 10:00. Husk æøå!".to_owned()
            ),
        ]
    );
    let mails = sink.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("tirsdag 10:30"), "{}", mails[0]);
    // "Påminnelse om time" as an encoded word (RFC 2047).
    let subject = mails[0]
        .lines()
        .find(|line| line.starts_with("Subject:"))
        .unwrap();
    assert!(subject.contains("=?utf-8?"), "{subject}");

    // The same again is answered with the present totals and sends nothing; a cancel message of an
    // unknown job is told; a body that is no job never blocks the queue.
    let jobs = json!([
        {"body": appointment("appointment-8831")},
        {"body": {"job": "never-was"}, "type": "cancel"},
        {"body": ["no job"]},
    ]);
    let told = publish(&site, &vhost, &user, &jobs, 3);
    let repeated = told
        .iter()
        .find(|t| t["key"] == "oslo.job.accepted")
        .expect("an answer");
    assert_eq!(repeated["event"]["data"]["repeated"], true);
    assert_eq!(repeated["event"]["data"]["totals"], json!({"sent": 3}));
    assert_eq!(
        told.iter()
            .filter(|t| t["key"] == "oslo.job.rejected")
            .count(),
        2,
        "{told:?}"
    );
    assert_eq!(site.sms.inbox().count(), 2);
    assert!(site.stop().await.success(), "{}", site.log());
    assert!(!site.log().contains("good-bye"), "{}", site.log());
}
