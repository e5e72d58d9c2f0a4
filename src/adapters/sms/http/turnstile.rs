//! Nothing of a request is written before its slot let it pass: the difference between *not sent*,
//! *late* and *unknown*.
//!
//! The connection's own writing asks the slot, directly before the first byte of a request goes to
//! the socket (and to TLS). Head and body of a short message are one write, so the first byte is as
//! good as the last one. What was not let past never leaves, and so the answer does not depend on
//! what an error of the HTTP library is called, nor on which of two threads was quicker.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::ports::slot::Slot;

/// What is known of the request on a connection.
#[derive(Debug, Default)]
pub(super) enum Passage {
    /// There is none.
    #[default]
    None,
    /// Nothing of it was written; its slot was not asked yet.
    Untouched(Slot),
    /// Nothing of it was written and nothing will: its slot was over.
    Late,
    /// It is leaving, or has left.
    Passed,
}

/// The way onto one connection, shared by the request and the connection's writing.
#[derive(Debug, Clone, Default)]
pub(super) struct Turnstile(Arc<Mutex<Passage>>);

impl Turnstile {
    /// The next request may be written while `slot` is open.
    pub(super) fn arm(&self, slot: Slot) {
        *self.0.lock() = Passage::Untouched(slot);
    }

    /// What became of the request; nothing (more) of an untouched one is written from now on.
    pub(super) fn disarm(&self) -> Passage {
        std::mem::take(&mut self.0.lock())
    }

    fn admit(&self, line: &Line) -> io::Result<()> {
        let mut passage = self.0.lock();
        match std::mem::take(&mut *passage) {
            Passage::Passed => *passage = Passage::Passed,
            Passage::None => return Err(io::Error::other("given up before it was sent")),
            Passage::Late => {
                *passage = Passage::Late;
                return Err(io::Error::other("too late for its slot"));
            }
            Passage::Untouched(slot) if line.is_closed() => {
                *passage = Passage::Untouched(slot);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Passage::Untouched(slot) => match slot.pass() {
                Ok(()) => *passage = Passage::Passed,
                Err(outside) => {
                    *passage = Passage::Late;
                    return Err(io::Error::other(outside));
                }
            },
        }
        Ok(())
    }
}

/// A connection, encrypted or not.
#[derive(Debug)]
pub(super) enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// Whether the other side has hung up. Asked of the kernel, because the runtime may not have
    /// heard yet.
    fn is_closed(&self) -> bool {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        };
        match SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]) {
            Ok(waiting) => waiting == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// A line on which requests pass a turnstile.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) line: Line,
    pub(super) turnstile: Turnstile,
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().line {
            Line::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Line::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.turnstile.admit(&this.line)?;
        match &mut this.line {
            Line::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Line::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.turnstile.admit(&this.line)?;
        match &mut this.line {
            Line::Plain(tcp) => Pin::new(tcp).poll_write_vectored(context, bytes),
            Line::Tls(tls) => Pin::new(tls).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.line {
            Line::Plain(tcp) => tcp.is_write_vectored(),
            Line::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().line {
            Line::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Line::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().line {
            Line::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Line::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
