//! Runs the program in a folder of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use budstikke::domain::person::PersonNumber;
use serde_json::Value;
use tokio::process::Command;

/// A folder, and what the program finds in its environment.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Place {
    /// A test environment: only synthetic persons.
    pub(crate) fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        place.with("BUDSTIKKE__REGISTER__ALLOW_SYNTHETIC", "true")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        let child = Command::new(env!("CARGO_BIN_EXE_budstikke"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), child)
            .await
            .expect("the program ends within a minute")
            .unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A synthetic person's number.
pub(crate) fn person(seed: u32) -> String {
    PersonNumber::synthetic(seed).expose().to_owned()
}

/// One that begins with 0.
pub(crate) fn person_with_leading_zero() -> String {
    (0..)
        .map(person)
        .find(|number| number.starts_with('0'))
        .unwrap()
}
