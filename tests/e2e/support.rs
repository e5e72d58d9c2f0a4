//! A site: a folder, a configuration, the binary, and a sandbox gateway and mail server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use budstikke::adapters::sms::wire::GatewayKind;
use budstikke::sandbox::mail::{MailServer, Script};
use budstikke::sandbox::sms::{Knobs, SmsServer};
use serde_json::Value;
use tempfile::TempDir;

/// The most that anything here is waited for.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Installs the TLS provider once.
fn provider() {
    // The second of two tests in one process finds it installed.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// A site on SQLite unless told otherwise.
pub struct Site {
    pub folder: TempDir,
    pub sms: SmsServer,
    pub mail: MailServer,
    worker: Option<Child>,
    env: Vec<(String, String)>,
}

impl Site {
    /// A site with the agencies `oslo` and `bergen`; `extra` is more configuration.
    pub async fn new(extra: &str) -> Self {
        provider();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sms = SmsServer::start(Knobs::default())
            .await
            .expect("a sandbox gateway");
        let mail = MailServer::start(Script::default())
            .await
            .expect("a sandbox mail server");
        let site = Self {
            folder,
            sms,
            mail,
            worker: None,
            env: Vec::new(),
        };
        let text = format!(
            r#"
[http]
listen = "127.0.0.1:0"
[register]
allow_synthetic = true
[log]
filter = "debug,hyper=info,h2=info,lapin=info,sqlx=info,budstikke::wire=info"
[[agency]]
id = "oslo"
name = "Oslo kommune"
org_number = "958935420"
kind = "municipality"
broker_user = "oslo"
sms_sender = "OsloKommune"
email_from = "Oslo kommune <varsel@oslo.example>"
[[agency]]
id = "bergen"
name = "Bergen kommune"
org_number = "964338531"
kind = "municipality"
broker_user = "bergen"
sms_sender = "Bergen"
email_from = "Bergen kommune <varsel@bergen.example>"
[[sms_gateway]]
name = "primary"
kind = "json"
url = "{}"
rate = 500.0
burst = 20
[[email_relay]]
name = "relay"
url = "{}"
rate = 500.0
"#,
            site.sms.url(GatewayKind::Json),
            site.mail.url(),
        );
        std::fs::write(site.path("site.toml"), text).unwrap();
        std::fs::write(site.path("extra.toml"), extra).unwrap();
        let database = format!("sqlite://{}", site.path("site.db").display());
        site.with_env("BUDSTIKKE__DATABASE__URL", &database)
    }

    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with this site's configuration.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_budstikke"));
        command
            .args(args)
            .arg("--config")
            .arg(self.path("site.toml"));
        command
            .arg("--config")
            .arg(self.path("extra.toml"))
            .current_dir(self.folder.path());
        command.envs(self.env.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and gives its standard output.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("the binary runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{args:?}: {}: {errors}",
            output.status
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// An API key.
    pub fn key(&self, agency: &str) -> String {
        let answer: Value =
            serde_json::from_str(&self.run(&["agency", "key", agency, "--json"])).unwrap();
        answer["key"].as_str().expect("a key").to_owned()
    }

    /// Starts the worker and waits until it is ready.
    pub async fn serve(&mut self) -> Api {
        self.serve_as(&[]).await
    }

    /// The same with more arguments.
    pub async fn serve_as(&mut self, args: &[&str]) -> Api {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("worker.log"))
            .unwrap();
        let already = self.log().len();
        let mut command = self.command(&[&["serve"], args].concat());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.worker = Some(command.spawn().expect("the worker starts"));
        let started = Instant::now();
        loop {
            let log = self.log();
            let address = log[already..].split("API on ").nth(1).and_then(|rest| {
                rest.split_whitespace()
                    .next()
                    .map(|url| url.trim_end_matches(['"', ',', '}']).to_owned())
            });
            if let Some(url) = address {
                let api = Api {
                    url,
                    key: String::new(),
                    client: client(),
                };
                api.ready().await;
                return api;
            }
            let ended = self
                .worker
                .as_mut()
                .and_then(|worker| worker.try_wait().ok().flatten());
            assert!(ended.is_none(), "the worker ended: {ended:?}\n{log}");
            assert!(
                started.elapsed() < LIMIT,
                "the worker does not listen\n{log}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that the worker has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("worker.log")).unwrap_or_default()
    }

    /// Waits until the worker has said something.
    pub async fn until_said(&self, words: &str) {
        let started = Instant::now();
        while !self.log().contains(words) {
            assert!(
                started.elapsed() < LIMIT,
                "the worker never said: {words}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn pid(&self) -> rustix::process::Pid {
        let worker = self.worker.as_ref().expect("a running worker");
        rustix::process::Pid::from_child(worker)
    }

    /// Sends a signal to the worker.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the worker can be signalled");
    }

    /// Waits for the worker's end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut worker = self.worker.take().expect("a running worker");
        let started = Instant::now();
        loop {
            if let Some(status) = worker.try_wait().unwrap() {
                return status;
            }
            assert!(
                started.elapsed() < LIMIT,
                "the worker does not end\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks the worker to stop and waits for its end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            drop(worker.kill());
            drop(worker.wait());
        }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(LIMIT)
        .no_proxy()
        .build()
        .expect("a client")
}

/// The worker's API with an agency's key.
#[derive(Clone)]
pub struct Api {
    pub url: String,
    pub key: String,
    client: reqwest::Client,
}

impl Api {
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    async fn ready(&self) {
        let started = Instant::now();
        while self
            .client
            .get(format!("{}/readyz", self.url))
            .send()
            .await
            .is_ok_and(|a| a.status() != 200)
        {
            assert!(started.elapsed() < LIMIT, "the worker is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Status and JSON of a call.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn submit(&self, job: &Value) -> Value {
        let (status, body) = self.call("POST", "/v1/jobs", Some(job)).await;
        assert!(status == 202 || status == 200, "{status}: {body}");
        body
    }

    /// The feed from its start, once it holds an event of the type.
    pub async fn until_event(&self, kind: &str) -> Value {
        let started = Instant::now();
        loop {
            let feed = self.get("/v1/events?after=0").await;
            let items = feed["items"].as_array().expect("a list");
            if items.iter().any(|event| event["type"] == kind) {
                return feed;
            }
            assert!(started.elapsed() < LIMIT, "no {kind} in {feed}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until everything of the job is settled.
    pub async fn until_finished(&self, job: &str) {
        let started = Instant::now();
        while self.get(&format!("/v1/jobs/{job}")).await["state"] != "finished" {
            assert!(started.elapsed() < LIMIT, "{job} does not finish");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the job's totals are these.
    pub async fn until_totals(&self, job: &str, totals: &Value) {
        let started = Instant::now();
        loop {
            let view = self.get(&format!("/v1/jobs/{job}")).await;
            if view["totals"] == *totals {
                return;
            }
            assert!(
                started.elapsed() < LIMIT,
                "{job} has {} and not {totals}",
                view["totals"]
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A job to `n` distinct phones.
pub fn broadcast(name: &str, n: u32) -> Value {
    let mut job = appointment(name);
    job["recipients"] = (0..n)
        .map(|i| serde_json::json!({"phone": format!("+4790{i:06}"), "values": {"time": "nå"}}))
        .collect();
    job
}

/// A job to two direct addresses, as in the contract.
pub fn appointment(name: &str) -> Value {
    serde_json::json!({
        "job": name,
        "class": "service_message",
        "purpose": "Outpatient appointment reminder",
        "window": "anytime",
        "language": "nb",
        "message": {
            "nb": {"sms": "Time hos oss {{ time }}. Husk æøå!",
                   "email": {"subject": "Påminnelse om time", "text": "Hei, du har time {{ time }}."}},
            "en": {"sms": "Appointment {{ time }}.",
                   "email": {"subject": "Appointment reminder", "text": "You have an appointment {{ time }}."}}
        },
        "recipients": [
            {"ref": "row-1", "person": "20914695016", "values": {"time": "tirsdag 09:30"}},
            {"ref": "row-2", "phone": "+4799999999", "values": {"time": "tirsdag 10:00"}},
            {"ref": "row-3", "email": "kari@example.no", "values": {"time": "tirsdag 10:30"}}
        ]
    })
}

/// A register with the one person of [`appointment`], who reads English.
pub fn register(folder: &Path) -> PathBuf {
    let file = folder.join("people.ndjson");
    let person = serde_json::json!({
        "personidentifikator": "20914695016", "reservasjon": "NEI", "status": "AKTIV",
        "varslingsstatus": "KAN_VARSLES", "spraak": "en",
        "kontaktinformasjon": {
            "mobiltelefonnummer": "+4799999998",
            "mobiltelefonnummer_oppdatert": "2026-09-01T10:00:00Z",
            "epostadresse": "ola@example.no",
            "epostadresse_oppdatert": "2026-09-01T10:00:00+02"
        }
    });
    std::fs::write(&file, format!("{person}\n")).unwrap();
    file
}
