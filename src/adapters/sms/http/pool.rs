//! Connections that wait for the next message, the one used last first.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::dial::{Connection, DialError, Dialer};
use crate::domain::estimate::{Estimate, Often};

/// Connecting is taken to last so long until it was done once: a few round trips.
const CONNECTING: Duration = Duration::from_millis(60);

/// What else happens between taking a connection and the first byte.
const HANDLING: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Pool {
    dialer: Dialer,
    idle: Mutex<Vec<(Connection, Instant)>>,
    most: usize,
    keep: Duration,
    connecting: Mutex<Estimate>,
    /// Whether a connection can be used again.
    reusable: Mutex<Often>,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It waited; the other side may just have closed it.
    Idle,
    /// It is new.
    New,
}

impl Pool {
    /// Keeps up to `most` connections, each for up to `keep` without use.
    pub(super) fn new(dialer: Dialer, most: usize, keep: Duration) -> Self {
        Self {
            dialer,
            idle: Mutex::default(),
            most,
            keep,
            connecting: Mutex::new(Estimate::guess(CONNECTING)),
            reusable: Mutex::new(Often::ALWAYS),
        }
    }

    /// A connection that is ready for a request.
    pub(super) async fn take(&self) -> Result<(Connection, Origin), DialError> {
        while let Some(mut idle) = self.pop() {
            let is_ready = idle.sender.ready().await.is_ok();
            self.reusable.lock().observe(is_ready);
            if is_ready {
                return Ok((idle, Origin::Idle));
            }
        }
        let began = Instant::now();
        let new = self.dialer.dial().await?;
        self.connecting.lock().observe(began.elapsed());
        Ok((new, Origin::New))
    }

    fn pop(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        idle.retain(|(connection, since)| {
            let kept = since.elapsed() < self.keep;
            if kept && connection.sender.is_closed() {
                self.reusable.lock().observe(false);
                return false;
            }
            kept
        });
        idle.pop().map(|(connection, _)| connection)
    }

    /// Lets those go that nobody has used for too long: if the one used last is one, all are.
    fn forget_expired(&self) {
        let mut idle = self.idle.lock();
        if idle
            .last()
            .is_some_and(|(_, since)| since.elapsed() >= self.keep)
        {
            idle.clear();
        }
    }

    /// Keeps a connection whose answer was read to the end, or that was not used at all.
    pub(super) fn give_back(&self, connection: Connection) {
        if connection.sender.is_closed() {
            self.reusable.lock().observe(false);
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < self.most {
            idle.push((connection, Instant::now()));
        }
    }

    /// How long before it is needed a connection should be asked for. Who finds all that are open lent
    /// opens one more and may be late for its slot; the next finds that one, unless the other side
    /// closes after each message.
    pub(super) fn lead(&self) -> Duration {
        self.forget_expired();
        if self.dialer.is_open() && self.reusable.lock().mostly() {
            HANDLING
        } else {
            self.connecting.lock().high() + HANDLING
        }
    }
}
