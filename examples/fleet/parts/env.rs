//! What the program was started with: the binary under test, the servers, a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::say::note;

/// What the program was started with.
#[derive(Debug)]
pub(crate) struct Env {
    /// The `budstikke` under test.
    pub(crate) binary: PathBuf,
    /// A superuser's URL of the PostgreSQL server.
    pub(crate) postgres: String,
    /// An administrator's URL of the broker, and of its management API.
    pub(crate) broker: Option<(String, String)>,
    /// For every HTTP call of this program.
    pub(crate) http: reqwest::Client,
    folder: Mutex<TempDir>,
    path: PathBuf,
    keep: bool,
}

impl Env {
    /// Reads the variables that `scripts/servers run` sets.
    ///
    /// # Errors
    /// No server, or no binary.
    pub(crate) fn new(binary: Option<&Path>, keep: bool) -> anyhow::Result<Self> {
        let binary = match binary {
            Some(binary) => binary.to_owned(),
            None => beside_us()?,
        };
        anyhow::ensure!(
            binary.is_file(),
            "{} is not there: cargo build",
            binary.display()
        );
        let postgres = std::env::var("TEST_POSTGRES_URL")
            .context("TEST_POSTGRES_URL must be set; `scripts/fleet-check` does it")?;
        let broker = std::env::var("TEST_AMQP_URL")
            .ok()
            .zip(std::env::var("TEST_RABBITMQ_API").ok());
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?;
        let mut folder = TempDir::with_prefix("budstikke-fleet.")?;
        let path = folder.path().to_owned();
        if keep {
            folder.disable_cleanup(true);
            note(format!(
                "configurations and logs are kept in {}",
                path.display()
            ));
        }
        Ok(Self {
            binary: binary.canonicalize()?,
            postgres,
            broker,
            http,
            folder: Mutex::new(folder),
            path,
            keep,
        })
    }

    /// A new folder.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Whether everything that is written stays.
    pub(crate) const fn keeps(&self) -> bool {
        self.keep
    }

    /// What is in the folder by now, or comes into it, stays.
    pub(crate) fn keep_what_is_there(&self) {
        self.folder.lock().disable_cleanup(true);
    }

    /// Removes a folder made by [`Env::folder`], unless everything is kept.
    pub(crate) fn remove(&self, folder: &Path) {
        if !self.keep && folder.starts_with(&self.path) {
            // What cannot be removed now goes with the whole folder.
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

/// `target/<profile>/examples/fleet` lies beside `target/<profile>/budstikke`.
fn beside_us() -> anyhow::Result<PathBuf> {
    let us = std::env::current_exe()?;
    let profile = us
        .parent()
        .and_then(Path::parent)
        .ok_or_else(|| anyhow!("cannot find budstikke: say --binary FILE"))?;
    Ok(profile.join("budstikke"))
}
