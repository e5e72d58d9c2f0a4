//! The server's life.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::timeout::TimeoutLayer;

use super::admission::Admission;
use super::signer::Signer;
use super::wire::{CHANGES, KEYS, PERSONS};
use super::{changes, persons};
use crate::ports::clock::Clock;
use crate::ports::store::Store;

/// A request for 1,000 persons has some 14 kB.
const LONGEST_REQUEST: usize = 64 * 1024;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long stopping waits for answers in hand.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How the register is served.
#[derive(Debug)]
pub struct ServeSettings {
    /// Where the table is.
    pub store: Arc<dyn Store>,
    /// What tells the age of addresses.
    pub clock: Arc<dyn Clock>,
    /// Who is let in.
    pub admission: Admission,
    /// What signs answers; `None`: there are no signed ones.
    pub signer: Option<Signer>,
}

/// What all requests share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) admission: Arc<Admission>,
    pub(super) signer: Option<Signer>,
}

/// The register, serving; dropping it stops it.
#[derive(Debug)]
pub struct RegisterServer {
    address: SocketAddr,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl RegisterServer {
    /// Serves on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(address: SocketAddr, settings: ServeSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        let stopped = closing.clone().cancelled_owned();
        let router = router(settings);
        tasks.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
            if let Err(error) = serving.await {
                tracing::error!(%error, "the register stopped serving");
            }
        });
        Ok(Self {
            address,
            closing,
            tasks,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what is in hand, and stops.
    pub async fn stop(self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::debug!("open connections to the register are cut");
        }
    }
}

impl Drop for RegisterServer {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

fn router(settings: ServeSettings) -> Router {
    let shared = Shared {
        store: settings.store,
        clock: settings.clock,
        admission: Arc::new(settings.admission),
        signer: settings.signer,
    };
    Router::new()
        .route(PERSONS, post(persons::look_up))
        .route(CHANGES, post(changes::fetch))
        .route(KEYS, get(key_set))
        .route("/healthz", get(health))
        .layer(DefaultBodyLimit::max(LONGEST_REQUEST))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .with_state(shared)
}

/// The keys of signed answers.
async fn key_set(State(shared): State<Shared>) -> Response {
    match &shared.signer {
        Some(signer) => {
            let headers = [(header::CACHE_CONTROL, "max-age=300")];
            (headers, Json(signer.key_set())).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn health(State(shared): State<Shared>) -> StatusCode {
    match shared.store.ping().await {
        Ok(()) => StatusCode::OK,
        Err(_away) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
