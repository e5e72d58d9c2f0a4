//! The sieve's place: between the broker and the library, which has to be given a TCP stream of its own
//! making. So it gets one to ourselves, over the loopback, and we carry the bytes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::frames::Sieve;

/// The library connects at once.
const TAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long one direction may go on when the other has ended: what is under way still arrives.
const LINGER: Duration = Duration::from_secs(5);
const BUFFER: usize = 32 * 1024;

/// Opens a way to `broker` that leads through the sieve, for one connection to the address returned.
/// It is carried on `runtime` until either side closes.
pub(in crate::adapters::amqp) async fn through<S>(
    broker: S,
    runtime: &Handle,
) -> io::Result<SocketAddr>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        if let Ok(Ok((here, _library))) = timeout(TAKE_LIMIT, listener.accept()).await {
            drop(listener);
            carry(broker, here).await;
        }
    });
    Ok(address)
}

async fn carry(broker: impl AsyncRead + AsyncWrite + Send + Unpin, here: TcpStream) {
    // Without it no delay; that it cannot be set is no reason to stop.
    let _set = here.set_nodelay(true);
    let (from_broker, to_broker) = broker.split();
    let (from_here, to_here) = here.into_split();
    let inward = std::pin::pin!(inward(from_broker, to_here));
    let outward = std::pin::pin!(outward(from_here, to_broker));
    match select(inward, outward).await {
        Either::Left((why, outward)) => {
            if let Err(error) = why {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the broker's side ended"
                );
            }
            let _ended = timeout(LINGER, outward).await;
        }
        Either::Right(((), inward)) => drop(timeout(LINGER, inward).await),
    }
}

async fn inward(mut broker: impl AsyncRead + Unpin, mut here: OwnedWriteHalf) -> io::Result<()> {
    let mut sieve = Sieve::default();
    let (mut buffer, mut out) = (vec![0; BUFFER], Vec::with_capacity(BUFFER));
    loop {
        let read = broker.read(&mut buffer).await?;
        if read == 0 {
            return here.shutdown().await;
        }
        let came = buffer.get(..read).unwrap_or_default();
        let passed = sieve.pass(came, &mut out);
        here.write_all(&out).await?;
        out.clear();
        passed.map_err(io::Error::other)?;
    }
}

async fn outward(mut here: OwnedReadHalf, mut broker: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; BUFFER];
    let mut gone = false;
    // Read to the end even if the broker is gone: closing on what was not read is a reset, which can
    // overtake the broker's last words.
    while let Ok(read @ 1..) = here.read(&mut buffer).await {
        let said = buffer.get(..read).unwrap_or_default();
        gone = gone || broker.write_all(said).await.is_err() || broker.flush().await.is_err();
    }
    let _closed = broker.close().await;
}
