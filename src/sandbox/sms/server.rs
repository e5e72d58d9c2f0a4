//! The gateway's life.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counters::Counters;
use super::handler::{self, Shared};
use super::inbox::Inbox;
use super::knobs::Knobs;
use super::reports::Reporter;
use crate::adapters::sms::wire::GatewayKind;
use crate::sandbox::connection::serve;

/// How long stopping waits for what is going on.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running fake gateway; dropping it stops it.
#[derive(Debug)]
pub struct SmsServer {
    address: SocketAddr,
    shared: Shared,
    tasks: TaskTracker,
}

impl SmsServer {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Self::start_on`].
    pub async fn start(knobs: Knobs) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), knobs).await
    }

    /// Starts on `address`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_on(address: SocketAddr, knobs: Knobs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let counters = Counters::default();
        let shared = Shared {
            inbox: Inbox::default(),
            reporter: Reporter::new(counters.clone(), tasks.clone(), closing.clone()),
            counters,
            knobs: Arc::new(RwLock::new(Arc::new(knobs))),
            closing: closing.clone(),
        };
        let router = Router::new()
            .route("/sms", post(handler::json))
            .route("/cgi-bin/sendsms", get(handler::kannel))
            .with_state(shared.clone());
        serve(&tasks, listener, router, closing, "the sandbox SMS gateway");
        Ok(Self {
            address,
            shared,
            tasks,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `url` setting of a gateway of that kind.
    pub fn url(&self, kind: GatewayKind) -> String {
        let path = match kind {
            GatewayKind::Json => "sms",
            GatewayKind::Kannel => "cgi-bin/sendsms",
        };
        format!("http://{}/{path}", self.address)
    }

    /// What it took.
    pub fn inbox(&self) -> Inbox {
        self.shared.inbox.clone()
    }

    /// What happened to it.
    pub fn counters(&self) -> Counters {
        self.shared.counters.clone()
    }

    /// How it behaves now.
    pub fn knobs(&self) -> Knobs {
        Knobs::clone(&self.shared.knobs.read())
    }

    /// Behaves like this from the next request on.
    pub fn set(&self, knobs: Knobs) {
        *self.shared.knobs.write() = Arc::new(knobs);
    }

    /// Stops: open reports are dropped, hanging requests are reset.
    pub async fn stop(self) {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::debug!("the sandbox SMS gateway left connections behind");
        }
    }
}

impl Drop for SmsServer {
    fn drop(&mut self) {
        self.shared.closing.cancel();
    }
}
