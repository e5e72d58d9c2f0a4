//! At most N connections, lent to one message at a time.
//!
//! A connection belongs to the future that uses it. Whatever ends that future early – a deadline, a
//! shutdown, a panic – closes the connection with it; only a dialogue that ended in step gives it
//! back.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::session::{Connection, Failure, Target};
use crate::domain::estimate::Often;

/// How long a worn-out connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Pool {
    target: Arc<Target>,
    connections: usize,
    slots: Semaphore,
    idle: Mutex<Vec<Connection>>,
    /// Whether a connection can be used again.
    reusable: Mutex<Often>,
}

/// The right to have one connection open. A new one is opened only when none is idle, so idle and
/// lent together never exceed the slots.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(target: Arc<Target>, connections: usize) -> Self {
        Self {
            target,
            connections,
            slots: Semaphore::new(connections),
            idle: Mutex::new(Vec::with_capacity(connections)),
            reusable: Mutex::new(Often::ALWAYS),
        }
    }

    /// Whether a connection is open, or opening, that can be used again. Who finds all of them lent
    /// opens one more and may be late for its slot; the next finds that one.
    pub(super) fn is_open(&self) -> bool {
        let lent = self.slots.available_permits() < self.connections;
        let open = || lent || self.idle.lock().last().is_some_and(Connection::is_fresh);
        self.reusable.lock().mostly() && open()
    }

    /// Waits for a slot; `None` if there was none in time.
    pub(super) async fn slot(&self, until: Instant) -> Option<Slot<'_>> {
        let permit = timeout_at(until, self.slots.acquire()).await.ok()?.ok()?;
        Some(Slot {
            pool: self,
            _permit: permit,
        })
    }
}

impl Slot<'_> {
    /// The connection used last if one can be used, else a new one.
    pub(super) async fn connection(&self, until: Instant) -> Result<Connection, Failure> {
        let idle = self.pool.idle.lock().pop();
        if let Some(connection) = &idle {
            (self.pool.reusable.lock()).observe(connection.is_fresh());
        }
        match idle {
            Some(connection) if connection.is_fresh() => Ok(connection),
            Some(worn) => {
                worn.quit(GOODBYE.min(until.saturating_duration_since(Instant::now())))
                    .await;
                Connection::open(&self.pool.target, until).await
            }
            None => Connection::open(&self.pool.target, until).await,
        }
    }

    /// A new connection, also when one is idle; that one is closed, so that there are never more
    /// than slots.
    pub(super) async fn new_connection(&self, until: Instant) -> Result<Connection, Failure> {
        let idle = self.pool.idle.lock().pop();
        if let Some(idle) = idle {
            idle.quit(GOODBYE).await;
        }
        Connection::open(&self.pool.target, until).await
    }

    /// Ends the use: a connection in step waits for the next message, any other is closed.
    pub(super) fn give_back(self, connection: Connection) {
        if connection.is_in_step() {
            self.pool.idle.lock().push(connection);
        } else {
            self.pool.reusable.lock().observe(false);
        }
    }
}
