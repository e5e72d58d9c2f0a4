//! One `budstikke serve` process of our own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::env::Env;

/// The most that a start or an ordered end may take.
const LIMIT: Duration = Duration::from_secs(40);

/// A worker process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The `number`-th of its fleet.
    pub(crate) number: usize,
    /// Where its API listens, once it is ready and if it has one.
    pub(crate) url: Option<String>,
    folder: PathBuf,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Worker {
    /// Starts one in a folder of its own; the configuration files are in the order of their
    /// strength; `surroundings` are variables of its environment.
    ///
    /// # Errors
    /// The process cannot be started.
    pub(crate) fn spawn(
        env: &Env,
        number: usize,
        folder: PathBuf,
        roles: &str,
        configuration: &[PathBuf],
        surroundings: &[(String, String)],
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let log = File::create(folder.join("worker.log"))?;
        let out = File::create(folder.join("stdout"))?;
        // The kernel ends it when this program is gone, however it went.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&env.binary);
        command.args(["serve", "--roles", roles]);
        for file in configuration {
            command.arg("--config").arg(file);
        }
        let child = command
            .current_dir(&folder)
            .env("HOSTNAME", format!("worker-{number}"))
            .envs(surroundings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log)
            .spawn()
            .context("cannot start a worker (setpriv of util-linux is needed)")?;
        Ok(Self {
            number,
            url: None,
            folder,
            child,
            ended: None,
        })
    }

    /// Waits until the process says that it runs and, if it has an API, that it is ready.
    ///
    /// # Errors
    /// It ends, or takes too long; with what it said.
    pub(crate) async fn ready(&mut self, http: &reqwest::Client) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let log = self.log_text();
            if let Some(line) = log.lines().find(|line| line.contains(" is running")) {
                self.url = line
                    .split("API on ")
                    .nth(1)
                    .and_then(|rest| rest.split(['"', ' ', ',']).next())
                    .map(str::to_owned);
                break;
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "worker {} ended with {status} while starting:\n{log}",
                    self.number
                );
            }
            ensure!(
                started.elapsed() < LIMIT,
                "worker {} does not start:\n{log}",
                self.number
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while let Some(url) = &self.url {
            let asked = http.get(format!("{url}/readyz")).send().await;
            if asked.is_ok_and(|answer| answer.status() == 200) {
                break;
            }
            ensure!(
                started.elapsed() < LIMIT,
                "worker {} is not ready:\n{}",
                self.number,
                self.log_text()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Whether the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended.is_none()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal, for example `Signal::STOP` and `Signal::CONT`.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        ensure!(self.is_alive(), "worker {} has ended", self.number);
        kill_process(self.pid(), signal).with_context(|| format!("worker {}", self.number))
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        if self.is_alive() {
            // It may have ended just now.
            drop(self.child.kill());
            self.ended = self.child.wait().ok();
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// It does not end within `limit`.
    pub(crate) async fn ended(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if !self.is_alive()
                && let Some(status) = self.ended
            {
                return Ok(status);
            }
            ensure!(
                started.elapsed() < limit,
                "worker {} does not end",
                self.number
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// It is gone, or does not end.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended(LIMIT).await
    }

    /// Its log, JSON lines.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("worker.log")
    }

    /// Everything that it has logged.
    pub(crate) fn log_text(&self) -> String {
        read(&self.log())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A line may be half written, and a kill may cut a letter in two.
pub(crate) fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
