//! The fake register's life.

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

use super::calls::Calls;
use super::handler::{self, Shared};
use super::knobs::KrrKnobs;
use super::person::Person;
use super::profile::Profile;
use super::signer::Signer;
use super::upstream::Upstream;
use crate::adapters::krr::wire::PATH;
use crate::sandbox::connection::serve;
use crate::sandbox::maskinporten::Tokens;

/// How long stopping waits for what is going on.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Who is let in.
#[derive(Debug, Clone)]
pub enum Admission {
    /// Holders of a living token that the fake Maskinporten gave out.
    Tokens(Tokens),
    /// Whoever has any token.
    Anybody,
}

/// A running fake register; dropping it stops it.
#[derive(Debug)]
pub struct KrrServer {
    address: SocketAddr,
    shared: Shared,
    tasks: TaskTracker,
}

impl KrrServer {
    /// Starts on a free port of 127.0.0.1, with a person of every profile in it.
    ///
    /// # Errors
    /// As [`Self::start_on`].
    pub async fn start(admission: Admission) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), admission).await
    }

    /// Starts before a register that listens on `upstream`, on loopback without TLS: answers are its
    /// own, misbehaviour and refusals are ours.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start_before(upstream: SocketAddr, admission: Admission) -> io::Result<Self> {
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        Self::start_with(any_port, admission, Some(Upstream(upstream))).await
    }

    /// Starts on `address`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_on(address: SocketAddr, admission: Admission) -> io::Result<Self> {
        Self::start_with(address, admission, None).await
    }

    async fn start_with(
        address: SocketAddr,
        admission: Admission,
        upstream: Option<Upstream>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        let persons = Profile::ALL.iter().map(|profile| Person::of(*profile));
        let persons = persons.map(|person| (person.number().clone(), person));
        let shared = Shared {
            persons: Arc::new(RwLock::new(persons.collect())),
            admission: Arc::new(admission),
            knobs: Arc::new(RwLock::new(KrrKnobs::default())),
            calls: Calls::default(),
            signer: Signer::default(),
            upstream,
            closing: closing.clone(),
        };
        let router = Router::new()
            .route(PATH, post(handler::look_up))
            .route("/jwks", get(handler::key_set))
            .with_state(shared.clone());
        serve(&tasks, listener, router, closing, "the sandbox register");
        Ok(Self {
            address,
            shared,
            tasks,
        })
    }

    /// The `url` setting.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The `keys_url` setting.
    pub fn keys_url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    /// What was asked.
    pub fn calls(&self) -> Calls {
        self.shared.calls.clone()
    }

    /// Knows `person` from now on.
    pub fn add(&self, person: Person) {
        let mut persons = self.shared.persons.write();
        persons.insert(person.number().clone(), person);
    }

    /// Changes how it behaves, from the next call on.
    pub fn turn(&self, change: impl FnOnce(&mut KrrKnobs)) {
        change(&mut self.shared.knobs.write());
    }

    /// Signs with a new key from now on; the old ones are gone.
    ///
    /// # Errors
    /// No key can be made.
    pub fn rotate_keys(&self) -> io::Result<()> {
        self.shared.signer.rotate()
    }

    /// Stops; hanging calls are reset.
    pub async fn stop(self) {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::debug!("the sandbox register left connections behind");
        }
    }
}

impl Drop for KrrServer {
    fn drop(&mut self) {
        self.shared.closing.cancel();
    }
}
