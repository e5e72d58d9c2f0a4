//! The sieve's place: between the broker and the library, which has to be given a TCP stream of its own
//! making. So it gets one to ourselves, over the loopback, and we carry the bytes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::frames::Sieve;
use crate::adapters::amqp::in_hand::InHand;

/// The library connects at once.
const TAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long one direction may go on when the other has ended: what is under way still arrives.
const LINGER: Duration = Duration::from_secs(5);
const BUFFER: usize = 32 * 1024;

/// Opens a way to `broker` that leads through the sieve, for one connection to the address returned.
/// It is carried on `runtime` until either side closes; of messages no more is read than `in_hand` has
/// room for.
pub(in crate::adapters::amqp) async fn through<S>(
    broker: S,
    runtime: &Handle,
    in_hand: Option<Arc<InHand>>,
) -> io::Result<SocketAddr>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        if let Ok(Ok((here, _library))) = timeout(TAKE_LIMIT, listener.accept()).await {
            drop(listener);
            carry(broker, here, in_hand.as_deref()).await;
        }
    });
    Ok(address)
}

async fn carry(
    broker: impl AsyncRead + AsyncWrite + Send + Unpin,
    here: TcpStream,
    in_hand: Option<&InHand>,
) {
    // Without it no delay; that it cannot be set is no reason to stop.
    let _set = here.set_nodelay(true);
    let (from_broker, to_broker) = broker.split();
    let (from_here, to_here) = here.into_split();
    let inward = std::pin::pin!(inward(from_broker, to_here, in_hand));
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

async fn inward(
    mut broker: impl AsyncRead + Unpin,
    mut here: OwnedWriteHalf,
    in_hand: Option<&InHand>,
) -> io::Result<()> {
    let mut sieve = Sieve::default();
    let (mut buffer, mut out) = (vec![0; BUFFER], Vec::with_capacity(BUFFER));
    loop {
        let read = broker.read(&mut buffer).await?;
        if read == 0 {
            return here.shutdown().await;
        }
        let came = buffer.get(..read).unwrap_or_default();
        let passed = sieve.pass(came, &mut out);
        if let Some(in_hand) = in_hand {
            in_hand.came(sieve.bodies());
        }
        here.write_all(&out).await?;
        out.clear();
        passed.map_err(io::Error::other)?;
        if let Some(in_hand) = in_hand {
            in_hand.room().await;
        }
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use super::*;

    /// A broker that sends as fast as it is read.
    struct Sends {
        left: Vec<u8>,
        read: Arc<AtomicUsize>,
    }

    impl AsyncRead for Sends {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let now = into.len().min(self.left.len());
            into[..now].copy_from_slice(&self.left[..now]);
            self.left.drain(..now);
            self.read.fetch_add(now, Ordering::Relaxed);
            Poll::Ready(Ok(now))
        }
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_waits_with_the_broker() {
        const BODY: usize = 1_000;
        let frame = [&[3, 0, 1, 0, 0, 3, 0xe8][..], &[7; BODY], b"\xce"].concat();
        let sent = frame.repeat(1_000);
        let read = Arc::new(AtomicUsize::new(0));
        let broker = Sends {
            left: sent.clone(),
            read: Arc::clone(&read),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap());
        let (here, library) = tokio::join!(here, listener.accept());
        let (_keep, to_here) = here.unwrap().into_split();
        let mut library = library.unwrap().0;
        let most = 200 * BODY;
        let in_hand = Arc::new(InHand::new(most, Duration::from_secs(3_600)));
        in_hand.came(BODY);
        let first = in_hand.hold(BODY);
        let carrying = tokio::spawn({
            let in_hand = Arc::clone(&in_hand);
            async move { inward(broker, to_here, Some(&in_hand)).await }
        });

        let mut came = vec![0; 200 * frame.len()];
        library.read_exact(&mut came).await.unwrap();
        let (framed, one_read) = (frame.len() - BODY, BUFFER);
        let limit = most + 200 * framed + one_read + frame.len();
        assert!(read.load(Ordering::Relaxed) <= limit, "it reads on");

        drop(first);
        let mut one = vec![0; frame.len()];
        while came.len() < sent.len() {
            library.read_exact(&mut one).await.unwrap();
            came.extend_from_slice(&one);
        }
        carrying.await.unwrap().unwrap();
        assert_eq!(came, sent);
    }
}
