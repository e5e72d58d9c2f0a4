//! How a connection begins: look-up, TCP, TLS, HTTP/1.1.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::body::Whole;
use super::turnstile::{Guarded, Line, Turnstile};

/// How often a connection that waits for an answer or for work shows that it is there: firewalls
/// forget silent ones.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Why there is no connection. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("the host name cannot be looked up")]
    NoSuchHost(#[source] io::Error),
    #[error("no connection")]
    Refused(#[source] io::Error),
    #[error("no TLS")]
    Tls(#[source] io::Error),
    #[error("no HTTP")]
    Http(#[source] hyper::Error),
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
}

/// A connection that is ready for a request.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<Whole>,
    pub(super) turnstile: Turnstile,
    /// Held as long as it is open, for [`Dialer::is_open`].
    _open: Arc<()>,
}

/// Where to, and how.
#[derive(Debug)]
pub(super) struct Dialer {
    host: String,
    port: u16,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    limit: Duration,
    open: Arc<()>,
}

impl Dialer {
    /// Towards `url`; `None` if it has no host or port. Each connection may take `limit` in all.
    pub(super) fn new(url: &Url, tls: rustls::ClientConfig, limit: Duration) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let tls = if url.scheme() == "https" {
            let name = ServerName::try_from(host.clone()).ok()?;
            Some((Arc::new(tls), name))
        } else {
            None
        };
        Some(Self {
            port: url.port_or_known_default()?,
            host,
            tls,
            limit,
            open: Arc::default(),
        })
    }

    /// Whether one of its connections is open.
    pub(super) fn is_open(&self) -> bool {
        Arc::strong_count(&self.open) > 1
    }

    /// Opens a connection.
    pub(super) async fn dial(&self) -> Result<Connection, DialError> {
        let dialled = timeout(self.limit, async {
            let line = self.secured(self.tcp().await?).await?;
            let turnstile = Turnstile::default();
            let guarded = Guarded {
                line,
                turnstile: turnstile.clone(),
            };
            let (sender, connection) = http1::handshake(TokioIo::new(guarded))
                .await
                .map_err(DialError::Http)?;
            tokio::spawn(async move {
                // Whoever waits for an answer on it hears of its end.
                let _ended = connection.await;
            });
            Ok(Connection {
                sender,
                turnstile,
                _open: Arc::clone(&self.open),
            })
        });
        match dialled.await {
            Ok(dialled) => dialled,
            Err(_elapsed) => Err(DialError::TimedOut(self.limit)),
        }
    }

    /// Every address of the host in turn, so that one that does not answer leaves time for the
    /// others.
    async fn tcp(&self) -> Result<TcpStream, DialError> {
        let addresses: Vec<_> = lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(DialError::NoSuchHost)?
            .collect();
        let share = self.limit / u32::try_from(addresses.len().max(1)).unwrap_or(1);
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    tune(&tcp).map_err(DialError::Refused)?;
                    return Ok(tcp);
                }
                Ok(Err(error)) => last = error,
                Err(_elapsed) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(DialError::Refused(last))
    }

    async fn secured(&self, tcp: TcpStream) -> Result<Line, DialError> {
        let Some((tls, name)) = &self.tls else {
            return Ok(Line::Plain(tcp));
        };
        let encrypted = TlsConnector::from(Arc::clone(tls))
            .connect(name.clone(), tcp)
            .await
            .map_err(DialError::Tls)?;
        Ok(Line::Tls(Box::new(encrypted)))
    }
}

/// Nagle would hold the last bytes of a request back.
fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}
