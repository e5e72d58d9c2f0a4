//! One database, one virtual host, one outside world, and workers that come and go.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use parking_lot::RwLock;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::api::Api;
use super::broker::Broker;
use super::env::Env;
use super::oracle::Oracle;
use super::plan::Plan;
use super::wire_log::{Start, starts};
use super::worker::{Worker, read};

/// The file that is stronger than the fleet's own.
const MORE: &str = "more.toml";

/// A fleet. Dropping it kills its workers and stops its outside world.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// What it was made by.
    pub(crate) plan: Plan,
    /// The URL of its database.
    pub(crate) database: String,
    /// Its virtual host.
    pub(crate) broker: Option<Broker>,
    /// The gateways and relays, outside every fault.
    pub(crate) oracle: Oracle,
    /// The workers that were started and not yet taken out.
    pub(crate) workers: Vec<Worker>,
    env: Arc<Env>,
    folder: PathBuf,
    configuration: Vec<PathBuf>,
    logs: Vec<PathBuf>,
    urls: Arc<RwLock<Vec<String>>>,
    surroundings: Vec<(String, String)>,
}

impl Fleet {
    /// A fleet with `workers` of every role, ready.
    ///
    /// # Errors
    /// A server refuses, or a worker does not start.
    pub(crate) async fn start(env: &Arc<Env>, plan: Plan, workers: usize) -> anyhow::Result<Self> {
        let name = name_of(&plan.name);
        let database = database(&env.postgres, &name).await?;
        let broker = if plan.broker {
            let ids: Vec<&str> = plan.agencies.iter().map(|a| a.id.as_str()).collect();
            Some(Broker::start(env, &name, &ids).await?)
        } else {
            None
        };
        let oracle = Oracle::start(&plan).await?;
        let folder = env.folder(&plan.name)?;
        let text = plan.configuration(
            &database,
            broker.as_ref().map(|b| (b.url.as_str(), b.vhost.as_str())),
            &oracle.sms_urls(),
            &oracle.mail_urls(),
        );
        let configuration = vec![folder.join("fleet.toml"), folder.join(MORE)];
        std::fs::write(&configuration[0], text)?;
        std::fs::write(&configuration[1], &plan.more)?;
        let mut fleet = Self {
            plan,
            database,
            broker,
            oracle,
            workers: Vec::new(),
            env: Arc::clone(env),
            folder,
            configuration,
            logs: Vec::new(),
            urls: Arc::default(),
            surroundings: Vec::new(),
        };
        fleet.command(&["migrate"]).await?;
        fleet.grow(workers).await?;
        Ok(fleet)
    }

    /// Replaces the further configuration file, for the workers and commands that start from now
    /// on.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn configure(&self, more: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.folder.join(MORE), more)?)
    }

    /// Runs another command of the binary with the fleet's configuration; its standard output.
    ///
    /// # Errors
    /// It fails; with what it said.
    pub(crate) async fn command(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.env.binary);
        command.args(args).stdin(Stdio::null());
        for file in &self.configuration {
            command.arg("--config").arg(file);
        }
        command.current_dir(&self.folder);
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "budstikke {}: {}: {said}",
            args.join(" "),
            output.status
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Adds workers of every role, side by side, and waits until they are ready.
    ///
    /// # Errors
    /// One does not start.
    pub(crate) async fn grow(&mut self, count: usize) -> anyhow::Result<()> {
        let first = self.workers.len();
        for _ in 0..count {
            self.spawn("all")?;
        }
        for index in first..self.workers.len() {
            self.workers[index].ready(&self.env.http).await?;
        }
        self.know_urls();
        Ok(())
    }

    /// Starts one worker with roles, and does not wait for it; gives its place in `workers`.
    ///
    /// # Errors
    /// The process cannot be started.
    pub(crate) fn spawn(&mut self, roles: &str) -> anyhow::Result<usize> {
        let number = self.logs.len();
        let folder = self.folder.join(format!("worker-{number}"));
        let (files, around) = (&self.configuration, &self.surroundings);
        let worker = Worker::spawn(&self.env, number, folder, roles, files, around)?;
        self.logs.push(worker.log());
        self.workers.push(worker);
        Ok(self.workers.len() - 1)
    }

    /// Waits for a spawned worker.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn ready(&mut self, place: usize) -> anyhow::Result<()> {
        let worker = self.workers.get_mut(place).context("no such worker")?;
        worker.ready(&self.env.http).await?;
        self.know_urls();
        Ok(())
    }

    /// Workers started from now on have these variables in their environment.
    pub(crate) fn surround(&mut self, surroundings: Vec<(String, String)>) {
        self.surroundings = surroundings;
    }

    /// Takes the worker at a place out, as it is; the place must be one.
    pub(crate) fn take(&mut self, place: usize) -> Worker {
        let worker = self.workers.remove(place);
        self.know_urls();
        worker
    }

    /// The management API of the broker.
    ///
    /// # Errors
    /// There is none, or it refuses.
    pub(crate) async fn manage(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (_amqp, api) = self.env.broker.as_ref().context("there is no broker")?;
        let mut request = self.env.http.request(method, format!("{api}/api/{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path}: {status}");
        let text = answer.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// `kill -9` of the worker at a place; it is taken out.
    pub(crate) fn kill(&mut self, place: usize) {
        if place < self.workers.len() {
            let mut worker = self.workers.remove(place);
            self.know_urls();
            worker.kill();
        }
    }

    /// SIGTERM to the worker at a place, and its end; it is taken out.
    ///
    /// # Errors
    /// It does not end in order.
    pub(crate) async fn stop(&mut self, place: usize) -> anyhow::Result<()> {
        ensure!(place < self.workers.len(), "no such worker");
        let mut worker = self.workers.remove(place);
        self.know_urls();
        let status = worker.stop().await?;
        ensure!(status.success(), "worker {}: {status}", worker.number);
        Ok(())
    }

    /// The API, with a new key of the agency.
    ///
    /// # Errors
    /// The key cannot be made.
    pub(crate) async fn api(&self, agency: &str) -> anyhow::Result<Api> {
        let said = self.command(&["agency", "key", agency, "--json"]).await?;
        let said: Value = serde_json::from_str(&said)?;
        Ok(Api {
            urls: Arc::clone(&self.urls),
            http: self.env.http.clone(),
            key: said["key"].as_str().context("no key")?.to_owned(),
        })
    }

    /// A connection to the fleet's database.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) async fn sql(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.database).await?)
    }

    /// Every point of no return that any worker, past or present, has logged, in order of time.
    pub(crate) fn starts(&self) -> Vec<Start> {
        let mut all: Vec<Start> = self.logs.iter().flat_map(|log| starts(log)).collect();
        all.sort_by_key(|start| start.at_us);
        all
    }

    /// The logs of all workers, past and present.
    pub(crate) fn logs(&self) -> &[PathBuf] {
        &self.logs
    }

    /// Every line of level error that any worker, past or present, has logged.
    pub(crate) fn errors(&self) -> Vec<String> {
        let is_error = |line: &&str| line.contains("\"level\":\"ERROR\"");
        let of = |log: &PathBuf| -> Vec<String> {
            let text = read(log);
            text.lines().filter(is_error).map(str::to_owned).collect()
        };
        self.logs().iter().flat_map(of).collect()
    }

    /// Writes down what arrived at the gateways and relays, beside the logs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn dump(&self) -> anyhow::Result<()> {
        self.oracle.dump(&self.folder.join("arrivals.ndjson"))
    }

    /// The fleet's own folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    fn know_urls(&self) {
        let ready = self.workers.iter().filter_map(|worker| worker.url.clone());
        *self.urls.write() = ready.collect();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if self.env.keeps() {
            // Only for whoever wants to look closer.
            drop(self.dump());
        }
    }
}

/// What the database and the virtual host of a fleet are called.
pub(crate) fn name_of(plan: &str) -> String {
    format!("fleet_{plan}_{}", std::process::id())
}

/// A database of the fleet's own; its URL.
async fn database(server: &str, name: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(server)
        .await
        .context("TEST_POSTGRES_URL")?;
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await?;
    let (base, _) = server.rsplit_once('/').context("TEST_POSTGRES_URL")?;
    Ok(format!("{base}/{name}"))
}
