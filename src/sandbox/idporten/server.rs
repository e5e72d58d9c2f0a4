//! The fake's life.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use parking_lot::{Mutex, RwLock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::IdPortenClients;
use super::handler::{self, Shared};
use super::knobs::IdPortenKnobs;
use crate::sandbox::keys;

/// How long stopping waits for what is going on.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running fake ID-porten; dropping it stops it.
#[derive(Debug)]
pub struct IdPortenServer {
    shared: Shared,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl IdPortenServer {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Self::start_on`].
    pub async fn start(clients: IdPortenClients) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), clients).await
    }

    /// Starts on `address`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_on(address: SocketAddr, clients: IdPortenClients) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let key = tokio::task::spawn_blocking(keys::generate)
            .await
            .map_err(io::Error::other)??;
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let shared = Shared {
            issuer: format!("http://{address}").into(),
            key: Arc::new(key),
            clients: Arc::new(clients),
            knobs: Arc::new(RwLock::new(IdPortenKnobs::default())),
            memory: Arc::new(Mutex::default()),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(handler::describe))
            .route("/jwks", get(handler::keys))
            .route("/par", post(handler::push))
            .route("/authorize", get(handler::authorize))
            .route("/login", post(handler::log_in))
            .route("/token", post(handler::token))
            .route("/logout", get(handler::log_out))
            .with_state(shared.clone());
        let ended = closing.clone();
        tasks.spawn(async move {
            let serving =
                axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned());
            if let Err(error) = serving.await {
                tracing::error!(%error, "the sandbox ID-porten stopped");
            }
        });
        Ok(Self {
            shared,
            tasks,
            closing,
        })
    }

    /// The `issuer` setting.
    pub fn issuer(&self) -> String {
        self.shared.issuer.to_string()
    }

    /// Changes how it behaves, from the next request on.
    pub fn turn(&self, change: impl FnOnce(&mut IdPortenKnobs)) {
        change(&mut self.shared.knobs.write());
    }

    /// The name of the session of the latest log-in (`sid`).
    pub fn latest_session(&self) -> Option<String> {
        self.shared.memory.lock().latest.clone()
    }

    /// Stops.
    pub async fn stop(self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::debug!("the sandbox ID-porten left connections behind");
        }
    }
}

impl Drop for IdPortenServer {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
