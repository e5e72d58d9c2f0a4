//! The HTTP API of whichever worker answers, with an agency's key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use parking_lot::RwLock;
use serde_json::Value;

/// How long a call is tried while no worker answers.
const LIMIT: Duration = Duration::from_secs(30);

/// An agency's way into the fleet. Workers come and go; a call that none of them answered is
/// repeated, which is safe: the same job twice is one job.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(super) urls: Arc<RwLock<Vec<String>>>,
    pub(super) http: reqwest::Client,
    pub(super) key: String,
}

impl Api {
    /// Status and JSON of a call.
    ///
    /// # Errors
    /// No worker answers in time.
    pub(crate) async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let started = Instant::now();
        for turn in 0_usize.. {
            let url = {
                let urls = self.urls.read();
                let at = turn.wrapping_add(usize::from(path.len() as u8));
                urls.get(at % urls.len().max(1)).cloned()
            };
            if let Some(url) = url {
                let mut request = self
                    .http
                    .request(method.clone(), format!("{url}{path}"))
                    .bearer_auth(&self.key);
                if let Some(body) = body {
                    request = request.json(body);
                }
                if let Ok(answer) = request.send().await {
                    let status = answer.status().as_u16();
                    if let Ok(text) = answer.text().await
                        && status != 503
                        && status != 429
                    {
                        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
                        return Ok((status, body));
                    }
                }
            }
            ensure!(
                started.elapsed() < LIMIT,
                "no worker answers {method} {path}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("unreachable: {method} {path}")
    }

    /// The JSON of a 200.
    ///
    /// # Errors
    /// Another status.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.call(reqwest::Method::GET, path, None).await?;
        ensure!(status == 200, "GET {path}: {status} {body}");
        Ok(body)
    }

    /// Enqueues a job.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) async fn submit(&self, job: &Value) -> anyhow::Result<Value> {
        let (status, body) = self
            .call(reqwest::Method::POST, "/v1/jobs", Some(job))
            .await?;
        ensure!(
            matches!(status, 200 | 202),
            "job {}: {status} {body}",
            job["job"]
        );
        Ok(body)
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// It cannot be.
    pub(crate) async fn cancel(&self, job: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/jobs/{job}");
        let (status, body) = self.call(reqwest::Method::DELETE, &path, None).await?;
        ensure!(status == 200, "DELETE {path}: {status} {body}");
        Ok(body)
    }

    /// A job as the API shows it.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) async fn job(&self, job: &str) -> anyhow::Result<Value> {
        self.get(&format!("/v1/jobs/{job}")).await
    }

    /// Every notification of a job.
    ///
    /// # Errors
    /// The job is not there.
    pub(crate) async fn notifications(&self, job: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/jobs/{job}/notifications?limit=1000{cursor}");
            let page = self.get(&path).await?;
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Waits until everything of the job is settled; gives the job as it is then, or after `limit`.
    ///
    /// # Errors
    /// The job is not there.
    pub(crate) async fn finished(&self, job: &str, limit: Duration) -> anyhow::Result<Value> {
        let started = Instant::now();
        loop {
            let view = self.job(job).await?;
            if view["state"] != "open" || started.elapsed() > limit {
                return Ok(view);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
