//! One worker process: store, broker, loops and the HTTP API together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, DatabaseKind};
use crate::ports::store::Store;

use super::build::{self, Opening};
use super::http;
use super::lifecycle::{Ended, Roles, Worker};
use super::page;

/// A running process.
#[derive(Debug)]
pub struct Process {
    /// The worker.
    pub worker: Worker,
    /// Where the API listens, if it does.
    pub api: Option<SocketAddr>,
    /// The store.
    pub store: Arc<dyn Store>,
    server: Option<(JoinHandle<std::io::Result<()>>, CancellationToken)>,
}

impl Process {
    /// Starts everything of the roles.
    ///
    /// # Errors
    /// A party that must be there from the start is not: the store, or the port to listen on. A
    /// broker that cannot be reached is waited for.
    pub async fn start(config: &Config, roles: Roles) -> anyhow::Result<Self> {
        let clock = build::clock();
        if config.database.migrate && config.database.url.kind() == DatabaseKind::Postgres {
            migrate(config).await?;
        }
        let store = build::store(config, Arc::clone(&clock), Opening::Exclusive).await?;
        let name = format!("{}-{}", host_name(), std::process::id());
        let deps = build::deps(config, Arc::clone(&clock), Arc::clone(&store), &name).await?;
        let broker = build::broker(config, roles, clock)?;
        let readiness = http::Readiness::new(&broker);
        let worker = Worker::start(deps, &name, roles, broker, build::ages(config));
        let mut process = Self {
            worker,
            api: None,
            store,
            server: None,
        };
        if roles.api || (roles.page && config.page.is_some()) {
            process.serve(config, roles, readiness).await?;
        }
        tracing::info!(
            worker.id = %process.worker.deps.worker(),
            worker.name = %name,
            "worker {name} is running{}",
            process.api.map_or(String::new(), |at| format!(", API on http://{at}"))
        );
        Ok(process)
    }

    async fn serve(
        &mut self,
        config: &Config,
        roles: Roles,
        readiness: http::Readiness,
    ) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::bind(config.http.listen)
            .await
            .with_context(|| {
                format!("cannot listen on http.listen = \"{}\"", config.http.listen)
            })?;
        self.api = Some(listener.local_addr().context("the listening address")?);
        let stop = CancellationToken::new();
        let mut router = match roles.api {
            true => http::router(config, &self.worker, readiness)?,
            false => axum::Router::new(),
        };
        if roles.page
            && let Some(page) = page::router(config, &self.worker)?
        {
            router = router.merge(page);
        }
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service)
                .with_graceful_shutdown(stopped)
                .await
        });
        self.server = Some((server, stop));
        Ok(())
    }

    /// Waits until something ends by itself, which nothing may.
    pub async fn broken(&mut self) -> String {
        self.worker.broken().await
    }

    /// Ends in order within `grace`.
    pub async fn stop(self, grace: Duration, hurry: CancellationToken) -> Ended {
        let Self { worker, server, .. } = self;
        if let Some((server, stop)) = server {
            worker.deps.stop.cancel();
            stop.cancel();
            // Requests in hand are answered; a client that never reads is not waited for.
            if tokio::time::timeout(Duration::from_secs(3), server)
                .await
                .is_err()
            {
                tracing::debug!("open HTTP connections are cut");
            }
        }
        worker.stop(grace, hurry).await
    }
}

/// Brings a PostgreSQL database to the current schema.
///
/// # Errors
/// It cannot be reached, or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    if config.database.url.kind() == DatabaseKind::Postgres {
        let applied = crate::adapters::postgres::migrate(config.database.url.expose()).await?;
        if !applied.is_empty() {
            tracing::info!(migrations = %applied.join(", "), "the database was brought to the current schema");
        }
    }
    Ok(())
}

fn host_name() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            std::fs::read_to_string("/etc/hostname")
                .map(|name| name.trim().to_owned())
                .unwrap_or_else(|_unreadable| "worker".to_owned())
        })
}

/// Returns when the process is asked to stop (SIGTERM, or Ctrl-C).
pub async fn asked_to_stop() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM");
            drop(tokio::signal::ctrl_c().await);
            return;
        }
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// A token that a second signal cancels.
pub fn second_signal() -> CancellationToken {
    let hurry = CancellationToken::new();
    let token = hurry.clone();
    drop(tokio::spawn(async move {
        asked_to_stop().await;
        tracing::warn!("asked again to stop: leaving what is on the wire as unknown");
        token.cancel();
    }));
    hurry
}
