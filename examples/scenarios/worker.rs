//! A worker process.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::rig::{Rig, Site};

/// How long a worker may take to be ready, and to end.
const LIMIT: Duration = Duration::from_secs(60);

/// A running worker; killed when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Its id.
    pub(crate) pid: u32,
    /// Its API.
    pub(crate) port: u16,
    log: PathBuf,
}

impl Worker {
    /// Starts it; it is not ready yet.
    pub(crate) fn start(rig: &Rig, site: &Site, name: &str, roles: &str) -> anyhow::Result<Self> {
        let port = Rig::free_port()?;
        let config = site.write(rig, name, port)?;
        let log = rig.folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = Command::new(&rig.program)
            .args(["serve", "--roles", roles, "--config"])
            .arg(config)
            .current_dir(&rig.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("the worker does not start")?;
        let pid = child
            .id()
            .ok_or_else(|| anyhow!("the worker ended at once"))?;
        Ok(Self {
            child,
            pid,
            port,
            log,
        })
    }

    /// Waits until it is able to work; needs the role `api`.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !is_ready(self.port).await {
            self.is_alive()?;
            ensure!(
                started.elapsed() < LIMIT,
                "the worker is not ready: {}",
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Fails if it has ended.
    pub(crate) fn is_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(anyhow!("the worker ended ({status}): {}", self.said())),
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        match tokio::time::timeout(LIMIT, self.child.wait()).await {
            Ok(ended) => drop(ended?),
            Err(_late) => self.child.kill().await?,
        }
        Ok(())
    }

    fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(2_000);
        log.get(from..).unwrap_or_default().to_owned()
    }
}

async fn is_ready(port: u16) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(answer.starts_with(b"HTTP/1.1 200"))
    };
    asking.await.unwrap_or(false)
}
