//! The fake's life.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use parking_lot::RwLock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::Clients;
use super::handler::{self, Shared};
use super::issuer::{Issuer, access_claims};
use super::knobs::MaskinportenKnobs;
use super::tokens::Tokens;
use crate::adapters::jose::wire::{RsaAlgorithm, SigningKey};
use crate::sandbox::connection::serve;

/// How long stopping waits for what is going on.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running fake Maskinporten; dropping it stops it.
#[derive(Debug)]
pub struct MaskinportenServer {
    shared: Shared,
    tasks: TaskTracker,
}

impl MaskinportenServer {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Self::start_on`].
    pub async fn start(clients: Clients) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), clients).await
    }

    /// Starts on `address`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_on(address: SocketAddr, clients: Clients) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        // Made now: it takes longer than a client may wait for its first token.
        let keys = Issuer::default();
        keys.newest_key()?;
        let shared = Shared {
            issuer: format!("http://{address}/").into(),
            clients: Arc::new(clients),
            tokens: Tokens::default(),
            keys,
            knobs: Arc::new(RwLock::new(MaskinportenKnobs::default())),
            requests: Arc::default(),
            key_requests: Arc::default(),
            granted: Arc::default(),
            seen: Arc::default(),
            closing: closing.clone(),
        };
        let router = Router::new()
            .route("/token", post(handler::token))
            .route("/jwk", get(handler::key_set))
            .with_state(shared.clone());
        serve(
            &tasks,
            listener,
            router,
            closing,
            "the sandbox Maskinporten",
        );
        Ok(Self { shared, tasks })
    }

    /// The `issuer` setting, with the slash at its end.
    pub fn issuer(&self) -> String {
        self.shared.issuer.to_string()
    }

    /// The tokens it gives out.
    pub fn tokens(&self) -> Tokens {
        self.shared.tokens.clone()
    }

    /// An access token of `consumer` (an organisation number) for `scope`, as good as any.
    ///
    /// # Errors
    /// No key can be made.
    pub fn access_token(&self, consumer: &str, scope: &str) -> io::Result<String> {
        self.sign(&access_claims(&self.shared.issuer, consumer, scope))
    }

    /// Any claims, signed with the newest key.
    ///
    /// # Errors
    /// No key can be made.
    pub fn sign(&self, claims: &Value) -> io::Result<String> {
        self.shared.keys.sign(RsaAlgorithm::Rs256, claims)
    }

    /// The newest key that tokens are signed with, and its id.
    ///
    /// # Errors
    /// No key can be made.
    pub fn signing_key(&self) -> io::Result<(String, SigningKey)> {
        self.shared.keys.newest_key()
    }

    /// A new key signs from now on, and those before it still count.
    ///
    /// # Errors
    /// No key can be made.
    pub fn add_key(&self) -> io::Result<()> {
        self.shared.keys.add_key()
    }

    /// Every key but the newest is gone.
    pub fn drop_old_keys(&self) {
        self.shared.keys.drop_old_keys();
    }

    /// Requests for the key set that arrived.
    pub fn key_requests(&self) -> u64 {
        self.shared.key_requests.load(Ordering::Relaxed)
    }

    /// Requests that arrived.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Tokens given out.
    pub fn granted(&self) -> u64 {
        self.shared.granted.load(Ordering::Relaxed)
    }

    /// Changes how it behaves, from the next request on.
    pub fn turn(&self, change: impl FnOnce(&mut MaskinportenKnobs)) {
        change(&mut self.shared.knobs.write());
    }

    /// Stops; hanging requests are reset.
    pub async fn stop(self) {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::debug!("the sandbox Maskinporten left connections behind");
        }
    }
}

impl Drop for MaskinportenServer {
    fn drop(&mut self) {
        self.shared.closing.cancel();
    }
}
