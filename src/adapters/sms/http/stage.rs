//! Whether a request has begun to leave: the difference between *not sent* and *unknown*.
//!
//! The body itself keeps the record. Its bytes can only leave after the connection asked for them,
//! and once [`Stage::shut`] has said that they did not, they never will: a connection that asks later
//! gets an error and is closed in the middle of the request, which no server can take for a whole
//! one. So the answer does not depend on what an error of the HTTP library is called, nor on
//! which of two threads was quicker.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

const KEPT: u8 = 0;
const TAKEN: u8 = 1;
const SHUT: u8 = 2;

/// The record of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<AtomicU8>);

impl Stage {
    /// True: no byte of the body has left, and from now on none can.
    pub(super) fn shut(&self) -> bool {
        self.swap(SHUT)
    }

    /// True: a connection has begun to write the request.
    pub(super) fn was_taken(&self) -> bool {
        self.0.load(Ordering::SeqCst) == TAKEN
    }

    fn take(&self) -> bool {
        self.swap(TAKEN)
    }

    fn swap(&self, to: u8) -> bool {
        match self
            .0
            .compare_exchange(KEPT, to, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) => true,
            Err(now) => now == to,
        }
    }
}

/// A body that was shut before it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("given up before it was sent")]
pub(super) struct GivenUp;

/// A body of known length in one piece.
///
/// An empty one (a GET) is never asked for bytes; there the connection's look at
/// [`Body::is_end_stream`], just before it writes the head, is the record. That look cannot be
/// refused, so a GET may not be [`Stage::shut`].
#[derive(Debug)]
pub(super) struct StagedBody {
    bytes: Option<Bytes>,
    stage: Stage,
}

impl StagedBody {
    pub(super) fn new(bytes: Bytes, stage: Stage) -> Self {
        Self {
            bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            stage,
        }
    }
}

impl Body for StagedBody {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        if !self.stage.take() {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        let end = self.bytes.is_none();
        if end {
            self.stage.take();
        }
        end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(body: &mut StagedBody) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn what_was_shut_gives_no_byte_any_more() {
        let stage = Stage::default();
        let mut body = StagedBody::new(Bytes::from_static(b"hei"), stage.clone());
        assert!(stage.shut());
        assert!(stage.shut(), "twice is the same");
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Err(GivenUp)))));
        assert!(!stage.was_taken());
    }

    #[test]
    fn what_was_taken_cannot_be_shut() {
        let stage = Stage::default();
        let mut body = StagedBody::new(Bytes::from_static(b"hei"), stage.clone());
        assert!(!body.is_end_stream());
        assert!(!stage.was_taken());
        assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
        assert!(!stage.shut());
        assert!(stage.was_taken());
    }
}
