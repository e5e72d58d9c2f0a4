//! A virtual host per test, and what the tests say about it.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use budstikke::adapters::amqp::{
    AgencyRoute, AmqpEvents, AmqpJobs, AmqpSettings, Prefetch, Publisher, Topology,
};
use budstikke::domain::event::{Event, EventKind};
use budstikke::domain::ids::{AgencyId, AgencyNo, JobName};
use budstikke::domain::time::Timestamp;
use budstikke::ports::clock::{Clock, Monotonic};
use budstikke::ports::event_sink::{EventSink, Window};
use budstikke::ports::job_source::{Incoming, JobSource};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

/// Everything that is waited for comes within this.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// Nothing that must not come does within this.
pub(crate) const QUIET: Duration = Duration::from_millis(700);
const PASSWORD: &str = "hemmelig";

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} must be set; `scripts/test` does it"))
}

/// Runs `rabbitmqctl <arguments>`, given as words of a shell, and hands `input` to it.
fn try_ctl(arguments: &str, input: &str) -> Result<String, String> {
    use std::io::Write;
    let mut child = Command::new("sh")
        .args([
            "-c",
            &format!("{} {arguments}", variable("TEST_RABBITMQCTL")),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    let output = child.wait_with_output().expect("rabbitmqctl ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("rabbitmqctl {arguments}: {said}{complained}"))
    }
}

/// Runs `rabbitmqctl`, which must succeed.
pub(crate) fn ctl(arguments: &str) -> String {
    try_ctl(arguments, "").unwrap()
}

/// Whether other tests may use the broker at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Yes,
    No,
}

/// A virtual host.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) vhost: String,
    users: Vec<String>,
    _lock: File,
}

impl Broker {
    /// A virtual host named after the test.
    pub(crate) fn new(test: &str) -> Self {
        Self::with(test, Share::Yes)
    }

    pub(crate) fn with(test: &str, share: Share) -> Self {
        let lock = File::create(std::env::temp_dir().join("budstikke-test-amqp.lock")).unwrap();
        match share {
            Share::Yes => lock.lock_shared().unwrap(),
            Share::No => lock.lock().unwrap(),
        }
        let vhost = format!("t-{test}-{}", std::process::id());
        ctl(&format!("add_vhost {vhost}"));
        let admin = admin().authority.userinfo.username;
        ctl(&format!(
            "set_permissions -p {vhost} {admin} '.*' '.*' '.*'"
        ));
        Self {
            vhost,
            users: Vec::new(),
            _lock: lock,
        }
    }

    /// The administrator's URL of the virtual host.
    pub(crate) fn url(&self) -> String {
        let mut uri = admin();
        uri.vhost.clone_from(&self.vhost);
        uri.to_string()
    }

    /// The URL of another user.
    pub(crate) fn url_of(&self, user: &str) -> String {
        let mut uri = admin();
        uri.vhost.clone_from(&self.vhost);
        user.clone_into(&mut uri.authority.userinfo.username);
        PASSWORD.clone_into(&mut uri.authority.userinfo.password);
        uri.to_string()
    }

    /// Runs commands as `budstikke broker` prints them; what asks for a password gets one.
    pub(crate) fn apply(&mut self, user: &str, commands: &[String]) {
        self.users.push(user.to_owned());
        for command in commands {
            let arguments = command.strip_prefix("rabbitmqctl ").expect("rabbitmqctl");
            try_ctl(arguments, &format!("{PASSWORD}\n")).unwrap();
        }
    }

    /// A user of budstikke's or an agency's with all rights, for tests that are not about rights.
    pub(crate) fn user(&mut self, agency: &str) -> String {
        let user = self.user_name(agency);
        let commands = [
            format!("rabbitmqctl add_user {user}"),
            format!(
                "rabbitmqctl set_permissions -p {} {user} '.*' '.*' '.*'",
                self.vhost
            ),
        ];
        self.apply(&user, &commands);
        user
    }

    /// Users are global to a broker: the name holds the virtual host.
    pub(crate) fn user_name(&self, agency: &str) -> String {
        format!("{}-{agency}", self.vhost)
    }

    pub(crate) fn route(&self, agency: &str) -> AgencyRoute {
        AgencyRoute {
            agency: agency_id(agency),
            broker_user: self.user_name(agency),
        }
    }

    pub(crate) fn topology(&self, agencies: &[&str]) -> Topology {
        Topology::new(agencies.iter().map(|agency| self.route(agency)).collect())
    }

    /// A raw channel with confirms.
    pub(crate) async fn channel(&self, url: &str) -> Channel {
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        channel
    }

    /// Waits until the broker holds no message of the queue any more, taken or not. An
    /// acknowledgement that is on its way when its connection closes may be lost, and the message is
    /// delivered again: so this comes before closing.
    pub(crate) async fn until_gone(&self, queue: &str) {
        let list = format!(
            "list_queues -p {} --quiet --no-table-headers name messages",
            self.vhost
        );
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let listed = ctl(&list);
            let mut rows = listed.lines().map(str::split_whitespace);
            let row = rows.find_map(|mut row| (row.next() == Some(queue)).then(|| row.next())?);
            if row == Some("0") {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{queue} still holds {row:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the queue holds `messages` that nobody has taken.
    pub(crate) async fn until_depth(&self, queue: &str, messages: u32) {
        let channel = self.channel(&self.url()).await;
        let deadline = tokio::time::Instant::now() + LIMIT;
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        loop {
            let found = channel
                .queue_declare(queue.into(), options, FieldTable::default())
                .await
                .unwrap()
                .message_count();
            if found == messages {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{queue} holds {found} messages, not {messages}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn close_all_connections(&self) {
        ctl(&format!(
            "close_all_connections --vhost {} test",
            self.vhost
        ));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Best effort: the broker is thrown away with the run.
        for user in &self.users {
            try_ctl(&format!("delete_user {user}"), "").ok();
        }
        try_ctl(&format!("delete_vhost {}", self.vhost), "").ok();
    }
}

fn admin() -> AMQPUri {
    variable("TEST_AMQP_URL").parse().unwrap()
}

pub(crate) fn agency_id(agency: &str) -> AgencyId {
    AgencyId::parse(agency).unwrap()
}

pub(crate) fn settings(url: &str) -> AmqpSettings {
    AmqpSettings::parse(url, None, Duration::from_secs(5)).unwrap()
}

/// A clock that stands still.
#[derive(Debug)]
struct Standing;

#[async_trait::async_trait]
impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp(1_893_456_000_000_000)
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(0)
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A budstikke on the broker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) jobs: AmqpJobs,
    pub(crate) events: AmqpEvents,
    pub(crate) publisher: Arc<Publisher>,
}

impl Worker {
    pub(crate) fn start(url: &str, topology: Topology) -> Self {
        Self::publishing_by(url, url, topology)
    }

    /// One that publishes by another way.
    pub(crate) fn publishing_by(publishing: &str, url: &str, topology: Topology) -> Self {
        let publisher = Publisher::start(settings(publishing), Some(topology.clone()));
        let publisher = Arc::new(publisher);
        let events = AmqpEvents::new(Arc::clone(&publisher), topology.agencies());
        let jobs = AmqpJobs::start(
            &settings(url),
            &topology,
            Prefetch(100),
            Arc::clone(&publisher),
            Arc::new(Standing),
        );
        Self {
            jobs,
            events,
            publisher,
        }
    }

    pub(crate) async fn ready(url: &str, topology: Topology) -> Self {
        let worker = Self::start(url, topology);
        worker.until_ready().await;
        worker
    }

    pub(crate) async fn until_ready(&self) {
        self.publisher.ready(LIMIT).await.unwrap();
        until("the source is ready", || self.jobs.is_ready()).await;
    }

    /// How many of one agency's first events are confirmed and routed.
    pub(crate) async fn publish(&self, agency: &AgencyId, events: &[Event]) -> usize {
        let windows = [Window { agency, events }];
        self.events.publish(&windows).await[0]
    }

    /// The next `count` messages.
    pub(crate) async fn take(&self, count: usize) -> Vec<Incoming> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let next = self.jobs.next(count - taken.len());
            let more = tokio::time::timeout(LIMIT, next)
                .await
                .unwrap_or_else(|_| panic!("{} of {count} messages came", taken.len()))
                .unwrap();
            assert!(!more.is_empty(), "the source ended");
            taken.extend(more);
        }
        taken
    }

    pub(crate) async fn take_one(&self) -> Incoming {
        self.take(1).await.pop().unwrap()
    }

    /// Whether nothing comes.
    pub(crate) async fn is_quiet(&self) -> bool {
        tokio::time::timeout(QUIET, self.jobs.next(1))
            .await
            .is_err()
    }

    pub(crate) async fn ack(&self, messages: Vec<Incoming>) {
        let handles = messages.into_iter().map(|message| message.handle).collect();
        self.jobs.ack_all(handles).await;
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + LIMIT;
    while !condition() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "not in time: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A message as an agency's own program would publish it.
pub(crate) async fn publish(
    channel: &Channel,
    key: &str,
    body: &str,
    properties: BasicProperties,
) -> Result<Confirmation, lapin::Error> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    channel
        .basic_publish(
            "budstikke.jobs".into(),
            key.into(),
            options,
            body.as_bytes(),
            properties,
        )
        .await?
        .await
}

pub(crate) fn by(user: &str) -> BasicProperties {
    BasicProperties::default()
        .with_user_id(user.into())
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
}

pub(crate) fn event(sequence: i64) -> Event {
    Event {
        agency: AgencyNo(1),
        sequence,
        kind: EventKind::JobFinished,
        subject: Some(JobName::parse("job-1").unwrap()),
        at: Timestamp(1_893_456_000_000_000),
        data: r#"{"job":"job-1","totals":{"sent":1}}"#.to_owned(),
    }
}
