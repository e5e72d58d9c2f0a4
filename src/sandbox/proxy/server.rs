//! The proxy itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::counters::Counters;
use super::trouble::{Direction, Ending, Trouble};
use super::way::{End, Way};

/// A proxy before one address. It listens on loopback and ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    trouble: watch::Sender<Trouble>,
    counters: Counters,
    listening: AbortHandle,
}

impl Proxy {
    /// A proxy before `upstream` on a free port, without trouble.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (trouble, seen) = watch::channel(Trouble::None);
        let counters = Counters::default();
        let listening = tokio::spawn(listen(listener, upstream, seen, counters.clone()));
        Ok(Self {
            address,
            trouble,
            counters,
            listening: listening.abort_handle(),
        })
    }

    /// Where to connect to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub fn set(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }

    /// What it has seen and done.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are tasks of the listening one and end with it.
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    upstream: SocketAddr,
    trouble: watch::Receiver<Trouble>,
    counters: Counters,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_ended) = connections.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((client, _)) => {
                    counters.connected();
                    connections.spawn(connection(client, upstream, trouble.clone(), counters.clone()));
                }
                // Out of file descriptors, for example: others end meanwhile.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
}

async fn connection(
    mut client: TcpStream,
    upstream: SocketAddr,
    trouble: watch::Receiver<Trouble>,
    counters: Counters,
) {
    let now = *trouble.borrow();
    if now == Trouble::Refuse {
        counters.end();
        end(&client, Ending::Reset);
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        end(&client, Ending::Reset);
        return;
    };
    let smooth = client.set_nodelay(true).and(server.set_nodelay(true));
    if smooth.is_err() {
        return;
    }
    if let Some(ending) = carry(&mut client, &mut server, trouble, &counters).await {
        counters.end();
        end(&client, ending);
        end(&server, ending);
    }
}

/// Both directions, until both are done, one breaks, or the proxy ends them.
async fn carry(
    client: &mut TcpStream,
    server: &mut TcpStream,
    trouble: watch::Receiver<Trouble>,
    counters: &Counters,
) -> Option<Ending> {
    let (client_from, client_to) = client.split();
    let (server_from, server_to) = server.split();
    let request = Way {
        direction: Direction::Request,
        from: client_from,
        to: server_to,
        trouble: trouble.clone(),
        counters: counters.clone(),
    };
    let reply = Way {
        direction: Direction::Reply,
        from: server_from,
        to: client_to,
        trouble,
        counters: counters.clone(),
    };
    let mut request = std::pin::pin!(request.carry());
    let mut reply = std::pin::pin!(reply.carry());
    let (first, other_is_reply) = tokio::select! {
        biased;
        end = &mut request => (end, true),
        end = &mut reply => (end, false),
    };
    let second = match first {
        Ok(End::Done) if other_is_reply => reply.await,
        Ok(End::Done) => request.await,
        ended @ (Ok(End::Cut(_)) | Err(_)) => ended,
    };
    match second {
        Ok(End::Cut(ending)) => Some(ending),
        Ok(End::Done) | Err(_) => None,
    }
}

/// Dropping the stream afterwards closes it; without lingering that is a reset.
fn end(stream: &TcpStream, ending: Ending) {
    if ending == Ending::Reset {
        // A socket that cannot be told so is closed the usual way.
        let _told = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}
