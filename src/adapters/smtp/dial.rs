//! The line: TCP, then TLS.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::classify::Answer;
use super::relay_url::RelayUrl;
use crate::ports::BoxError;

/// An open line.
#[derive(Debug)]
pub(super) enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// Whether nobody but us has a say now: no bytes wait, and the other side has not hung up. Asked
    /// of the kernel, because the runtime may not have heard yet.
    pub(super) fn is_quiet(&self) -> bool {
        let socket = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        };
        let peeked = SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(super) const fn is_encrypted(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(_) => true,
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

/// Opens a TCP connection, trying every address of the host in turn.
pub(super) async fn connect(url: &RelayUrl) -> Result<TcpStream, Answer> {
    let addresses = lookup_host((url.host(), url.port()))
        .await
        .map_err(|_unknown| Answer::NoSuchHost)?;
    let mut answer = Answer::NoSuchHost;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                tune(&tcp).map_err(|_dead| Answer::Unreachable)?;
                return Ok(tcp);
            }
            Err(_refused) => answer = Answer::Unreachable,
        }
    }
    Err(answer)
}

/// Nagle waits 40 ms for an acknowledgement that a relay delays as long; and a connection that waits
/// for work must notice when a firewall forgets it.
fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

/// Makes TLS clients; the certificates of the machine are read at first use.
#[derive(Debug)]
pub(super) struct TlsMaker {
    extra_roots: Vec<CertificateDer<'static>>,
    made: OnceLock<Arc<ClientConfig>>,
}

impl TlsMaker {
    pub(super) const fn new(extra_roots: Vec<CertificateDer<'static>>) -> Self {
        Self {
            extra_roots,
            made: OnceLock::new(),
        }
    }

    /// The client configuration: TLS 1.2 and 1.3, ring, verified certificates.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, BoxError> {
        if let Some(config) = self.made.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        for root in &self.extra_roots {
            roots.add(root.clone())?;
        }
        if roots.is_empty() {
            return Err(match native.errors.into_iter().next() {
                Some(error) => error.into(),
                None => "this machine has no trusted certificates; install ca-certificates".into(),
            });
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.made.get_or_init(|| Arc::new(config))))
    }

    /// Encrypts a connection.
    pub(super) async fn encrypt(&self, tcp: TcpStream, host: &str) -> Result<Line, BoxError> {
        let name = ServerName::try_from(host.to_owned())?;
        let tls = TlsConnector::from(self.config()?)
            .connect(name, tcp)
            .await?;
        Ok(Line::Tls(Box::new(tls)))
    }
}
