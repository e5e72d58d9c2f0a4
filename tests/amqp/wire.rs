//! A wire to the broker that can be cut, or go silent.

use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::support::until;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Open, but nothing goes through.
    Silent,
    /// Closed, and new connections are closed at once.
    Cut,
}

/// The wire; cut at first.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The broker, by this wire.
    pub(crate) url: String,
    state: watch::Sender<State>,
    _carrying: AbortOnDropHandle<()>,
}

impl Wire {
    pub(crate) async fn to(url: &str) -> Self {
        let mut uri: AMQPUri = url.parse().unwrap();
        let broker = (uri.authority.host.clone(), uri.authority.port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        "127.0.0.1".clone_into(&mut uri.authority.host);
        uri.authority.port = listener.local_addr().unwrap().port();
        let state = watch::Sender::new(State::Cut);
        let seen = state.subscribe();
        let carrying = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                if *seen.borrow() == State::Cut {
                    continue;
                }
                let far = TcpStream::connect(broker.clone()).await.unwrap();
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                tokio::spawn(carry(near_in, far_out, seen.clone()));
                tokio::spawn(carry(far_in, near_out, seen.clone()));
            }
        });
        Self {
            url: uri.to_string(),
            state,
            _carrying: AbortOnDropHandle::new(carrying),
        }
    }

    pub(crate) fn mend(&self) {
        self.state.send_replace(State::Whole);
    }

    pub(crate) async fn cut(&self) {
        self.state.send_replace(State::Cut);
        // The listener stays.
        until("the wire is cut", || self.state.receiver_count() == 1).await;
    }

    pub(crate) fn silence(&self) {
        self.state.send_replace(State::Silent);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut block = vec![0; 65_536];
    loop {
        let now = *state.borrow_and_update();
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            read = from.read(&mut block), if now == State::Whole => match read {
                Ok(0) | Err(_) => return,
                Ok(bytes) => if to.write_all(&block[..bytes]).await.is_err() { return },
            },
            () = std::future::ready(()), if now == State::Cut => return,
        }
    }
}
