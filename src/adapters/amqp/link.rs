//! One connection, kept for ever.
//!
//! The client library can recover by itself, but it treats every refusal as recoverable, loops on
//! a queue that was declared otherwise, and lets confirms of the old connection hang on the new one.
//! Here a disturbance ends the session: a new connection, new channels, a declared topology, new
//! consumers; all tags and unconfirmed messages of the old one are void.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::tcp::{AMQPUriTcpExt, OwnedTLSConfig};
use lapin::uri::AMQPScheme;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::error::{ACCESS_REFUSED, AmqpError, NOT_ALLOWED, reply};
use super::in_hand::InHand;
use super::settings::AmqpSettings;
use super::sieve;

/// TCP and TLS must be up within this.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The broker must have let us in within this. An attempt that is given up keeps its thread until
/// the socket dies, so this is long.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// A session that lasted so long was a good one: the next disturbance starts from the first delay.
const GOOD_SESSION: Duration = Duration::from_secs(5);
/// While the broker stays away, one warning in so many attempts.
const WARN_EVERY: u32 = 12;

/// Whose messages the broker sends us over a connection.
#[derive(Debug)]
pub(super) enum Traffic {
    /// Agencies': through the [`sieve`], and no more than there is room for if it is counted.
    Foreign(Option<Arc<InHand>>),
    /// Our own that no queue took, if any: straight.
    Own,
}

/// How the connection is.
#[derive(Debug, Clone)]
pub(super) enum LinkState {
    /// Not there (yet, or again), with what came in between last.
    Connecting(Option<Arc<AmqpError>>),
    /// Connected, with the topology declared.
    Ready,
    /// Connected, but the broker takes nothing (memory or disk alarm).
    Blocked,
    /// Ended: waiting does not help.
    Refused(Arc<AmqpError>),
    /// Ended, as we wished.
    Closed,
}

/// What the parts of a connection share.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) settings: AmqpSettings,
    /// For the broker's list of connections and our log.
    pub(super) purpose: &'static str,
    state: watch::Sender<LinkState>,
    /// Whether it has ever been ready.
    was_ready: Arc<AtomicBool>,
    /// Cancelled: end for good.
    pub(super) stop: CancellationToken,
}

impl Link {
    pub(super) fn new(settings: AmqpSettings, purpose: &'static str) -> Self {
        Self {
            settings,
            purpose,
            state: watch::Sender::new(LinkState::Connecting(None)),
            was_ready: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn set(&self, state: LinkState) {
        if matches!(state, LinkState::Ready) {
            self.was_ready.store(true, Ordering::Relaxed);
        }
        self.state.send_replace(state);
    }

    pub(super) fn watch(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(super) fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Ready)
    }

    /// Asks the link to end and waits until it has, at most a few seconds.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let mut state = self.watch();
        let ended =
            state.wait_for(|state| matches!(state, LinkState::Closed | LinkState::Refused(_)));
        if timeout(CLOSE_LIMIT * 3, ended).await.is_err() {
            warn!(
                purpose = self.purpose,
                "the broker did not say good-bye in time"
            );
        }
    }

    pub(super) fn unavailable(&self, source: lapin::Error) -> AmqpError {
        AmqpError::Unavailable {
            address: self.settings.address(),
            source,
        }
    }

    pub(super) fn disturbed(&self, what: impl Into<String>) -> AmqpError {
        AmqpError::Disturbed {
            address: self.settings.address(),
            what: what.into(),
        }
    }
}

/// What is done over one connection.
#[async_trait]
pub(super) trait Session: Send {
    /// What comes over the next connection.
    fn traffic(&mut self) -> Traffic;

    /// Works until the connection breaks (`Err`) or it is asked to end (`Ok`); calls
    /// [`Link::set`] with [`LinkState::Ready`] when all is set up.
    async fn run(&mut self, connection: &Connection, link: &Link) -> Result<(), AmqpError>;
}

/// Runs `session` over one connection after another until it is asked to end, or until the very
/// first set-up is refused. Later refusals may be a broker that is being repaired: they are logged
/// and waited out.
pub(super) async fn keep(link: Link, mut session: impl Session) {
    let mut attempt = 0;
    loop {
        let started = Instant::now();
        let Err(failure) = one_session(&link, &mut session).await else {
            link.set(LinkState::Closed);
            return;
        };
        if failure.is_permanent() && !link.was_ready.load(Ordering::Relaxed) {
            error!(
                error = &failure as &dyn std::error::Error,
                purpose = link.purpose,
                "{failure}"
            );
            link.set(LinkState::Refused(Arc::new(failure)));
            return;
        }
        if started.elapsed() >= GOOD_SESSION {
            attempt = 0;
        }
        if attempt % WARN_EVERY == 0 {
            warn!(
                error = &failure as &dyn std::error::Error,
                purpose = link.purpose,
                "{failure}; trying again"
            );
        }
        link.set(LinkState::Connecting(Some(Arc::new(failure))));
        let wait = delay(attempt, rand::random());
        attempt = attempt.saturating_add(1);
        if link
            .stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_none()
        {
            link.set(LinkState::Closed);
            return;
        }
    }
}

async fn one_session(link: &Link, session: &mut impl Session) -> Result<(), AmqpError> {
    let connecting = connect(&link.settings, link.purpose, session.traffic());
    let Some(connection) = link.stop.run_until_cancelled(connecting).await else {
        return Ok(());
    };
    let connection = connection?;
    info!(
        purpose = link.purpose,
        "connected to RabbitMQ at {}",
        link.settings.address()
    );
    let ended = session.run(&connection, link).await;
    close(&connection).await;
    ended
}

/// Opens a channel. Who opens one ends it with [`leave`], or the connection closes without a good-bye.
pub(super) async fn open(connection: &Connection, link: &Link) -> Result<Channel, AmqpError> {
    connection
        .create_channel()
        .await
        .map_err(|error| link.unavailable(error))
}

/// Closes a channel, if it is still there: the broker takes back what was delivered over it and not
/// settled. A channel that is merely dropped closes behind our back, and the library gives the
/// whole connection up if that is closed meanwhile.
pub(super) async fn leave(channel: &Channel) {
    if channel.status().connected() {
        // If this fails, the connection has ended as well.
        drop(timeout(CLOSE_LIMIT, channel.close(200, "OK".into())).await);
    }
}

/// Closes politely, if the other side still listens. Its channels must be left before.
pub(super) async fn close(connection: &Connection) {
    if connection.status().connected() && !connection.status().blocked() {
        let bye = connection.close(200, "OK".into());
        if !matches!(timeout(CLOSE_LIMIT, bye).await, Ok(Ok(()))) {
            info!("the connection to RabbitMQ ended without its good-bye");
        }
    }
}

/// How long to wait before try `attempt` (from 0): doubling, 200 ms to 5 s, the last half of it
/// random. `unit` in `[0, 1)`.
fn delay(attempt: u32, unit: f64) -> Duration {
    let full = FIRST_DELAY
        .saturating_mul(1 << attempt.min(10))
        .min(LONGEST_DELAY);
    full.mul_f64(0.5 + unit / 2.0)
}

/// Connects once.
///
/// # Errors
/// [`AmqpError::Login`] when the broker does not let us in, [`AmqpError::Unavailable`] or
/// [`AmqpError::Disturbed`] when it cannot be reached.
pub(super) async fn connect(
    settings: &AmqpSettings,
    purpose: &str,
    traffic: Traffic,
) -> Result<Connection, AmqpError> {
    let properties =
        ConnectionProperties::default().with_connection_name(format!("budstikke {purpose}").into());
    let runtime = lapin::runtime::default_runtime().map_err(|source| AmqpError::Unavailable {
        address: settings.address(),
        source,
    })?;
    let tls = settings.tls.clone();
    let carrier = Handle::current();
    // The library connects on a thread of its own, which dropping the future does not end: the
    // limit on TCP and TLS must be inside, and the log-in must be left to itself.
    let attempt = tokio::spawn(Connection::connector(
        settings.uri.clone(),
        runtime,
        async move |uri, runtime| {
            let connecting = uri.connect_with_config_async(tls.as_ref(), &runtime);
            let broker = match timeout(CONNECT_LIMIT, connecting).await {
                Ok(stream) => stream?,
                Err(late) => {
                    return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, late).into());
                }
            };
            let Traffic::Foreign(in_hand) = &traffic else {
                return Ok(broker);
            };
            let sieve = sieve::through(broker, &carrier, in_hand.clone()).await?;
            let mut here = uri.clone();
            here.scheme = AMQPScheme::AMQP;
            here.authority.host = sieve.ip().to_string();
            here.authority.port = sieve.port();
            let plain = OwnedTLSConfig::default();
            let connecting = here.connect_with_config_async(plain.as_ref(), &runtime);
            Ok(connecting.await?)
        },
        properties,
    ));
    let disturbed = |what: &str| AmqpError::Disturbed {
        address: settings.address(),
        what: what.to_owned(),
    };
    match timeout(LOGIN_LIMIT, attempt).await {
        Ok(Ok(Ok(connection))) => Ok(connection),
        Ok(Ok(Err(error))) => Err(match reply(&error) {
            Some((ACCESS_REFUSED | NOT_ALLOWED, reply)) => AmqpError::Login {
                address: settings.address(),
                user: settings.user().to_owned(),
                reply,
            },
            Some(_) | None => AmqpError::Unavailable {
                address: settings.address(),
                source: error,
            },
        }),
        Ok(Err(_)) => Err(disturbed("the attempt to connect was broken off")),
        Err(_) => Err(disturbed("no answer to the log-in within 30 seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_five_seconds_and_is_never_less_than_half() {
        assert_eq!(delay(0, 0.0), Duration::from_millis(100));
        assert_eq!(delay(1, 0.0), Duration::from_millis(200));
        assert_eq!(delay(40, 0.0), Duration::from_millis(2500));
        assert!(delay(40, 0.999) <= LONGEST_DELAY);
    }
}
