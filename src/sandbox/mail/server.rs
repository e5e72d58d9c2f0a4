//! The listener and its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::mailbox::Mailbox;
use super::script::{At, Running, Script};
use super::session::{End, Session};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    running: Mutex<Arc<Running>>,
    pub(super) mailbox: Mailbox,
    thrown: [AtomicU64; At::ALL.len()],
    open: AtomicU64,
    peak: AtomicU64,
    total: AtomicU64,
    /// Cancelled to end the connections that are open, and then replaced.
    open_ones: Mutex<CancellationToken>,
}

impl Shared {
    pub(super) fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.lock())
    }

    pub(super) fn count_fault(&self, at: At) {
        if let Some(counter) = self.thrown.get(at as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How many connections there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open now.
    pub open: u64,
    /// The most at once.
    pub peak: u64,
    /// Since the start.
    pub total: u64,
}

/// A mail server on loopback. It stops when dropped.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl MailServer {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// Starts at `address`.
    ///
    /// # Errors
    /// When the port cannot be opened, for example because something else listens there.
    pub async fn start_at(address: SocketAddr, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            running: Mutex::new(Arc::new(Running::new(script))),
            mailbox: Mailbox::default(),
            thrown: Default::default(),
            open: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            total: AtomicU64::new(0),
            open_ones: Mutex::new(stop.child_token()),
        });
        let accepting = accept(listener, Arc::clone(&shared));
        tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
        Ok(Self {
            address,
            shared,
            stop,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `smtp://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// What it took; the handle outlives the server.
    pub fn mailbox(&self) -> Mailbox {
        self.shared.mailbox.clone()
    }

    /// Behaves by `script` from the next command on; what the old rules remember is forgotten.
    pub fn set_script(&self, script: Script) {
        *self.shared.running.lock() = Arc::new(Running::new(script));
    }

    /// Hangs up on every connection, whatever it is doing; new ones are welcome.
    pub fn hang_up(&self) {
        let fresh = self.stop.child_token();
        std::mem::replace(&mut *self.shared.open_ones.lock(), fresh).cancel();
    }

    /// How often it misbehaved at `at`, delays included.
    pub fn thrown(&self, at: At) -> u64 {
        self.shared
            .thrown
            .get(at as usize)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// How many connections there were.
    pub fn connections(&self) -> Connections {
        Connections {
            open: self.shared.open.load(Ordering::SeqCst),
            peak: self.shared.peak.load(Ordering::SeqCst),
            total: self.shared.total.load(Ordering::SeqCst),
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((tcp, _peer)) = listener.accept().await else {
            // Out of file handles: room comes when a connection ends.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let open = shared.open_ones.lock().clone();
        let session = serve(tcp, Counted::new(Arc::clone(&shared)));
        tokio::spawn(open.run_until_cancelled_owned(session));
    }
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.total.fetch_add(1, Ordering::SeqCst);
        let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.peak.fetch_max(open, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve(tcp: TcpStream, counted: Counted) {
    // A connection that breaks is the client's business.
    let _broken = converse(tcp, &counted.0).await;
}

async fn converse(tcp: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let script = shared.running().script.clone();
    if let Some(tls) = script.tls {
        let tls = TlsAcceptor::from(tls).accept(tcp).await?;
        let _ended = Session::greeted(tls, Arc::clone(shared)).run().await?;
        return Ok(());
    }
    match Session::greeted(tcp, Arc::clone(shared)).run().await? {
        End::Closed => Ok(()),
        End::StartTls(tcp) => {
            let Some(tls) = script.starttls else {
                return Ok(());
            };
            let tls = TlsAcceptor::from(tls).accept(tcp).await?;
            let _ended = Session::encrypted(tls, Arc::clone(shared)).run().await?;
            Ok(())
        }
    }
}
