//! What of a connection's messages is in this process, in bytes, and how much of it may be.
//!
//! AMQP counts messages: the broker sends as many as were asked for, however large they turn out.
//! [`super::appetite`] asks for fewer once it has seen large ones, but what was asked for before comes
//! all the same. So beyond a limit no more is read from the connection until something is settled;
//! the rest waits with the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Even then a little is read, so often that neither side takes the other for dead.
const TRICKLE: Duration = Duration::from_millis(250);

/// Of one connection.
#[derive(Debug)]
pub(super) struct InHand {
    /// That came and are not settled.
    bytes: AtomicUsize,
    /// Those of messages that have come whole: of them something can be settled.
    whole: AtomicUsize,
    let_go: Notify,
    most: usize,
    trickle: Duration,
}

impl InHand {
    /// For a connection on which so many bytes of bodies are aimed at: a quarter more may come.
    pub(super) fn beyond(room: usize) -> Self {
        Self::new(room + room / 4, TRICKLE)
    }

    /// With other limits.
    pub(super) fn new(most: usize, trickle: Duration) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            whole: AtomicUsize::new(0),
            let_go: Notify::new(),
            most,
            trickle,
        }
    }

    /// So many bytes of bodies came.
    pub(super) fn came(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many of them are this message's, which has come whole, until it is settled.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Body {
        self.whole.fetch_add(bytes, Ordering::Relaxed);
        Body {
            bytes,
            in_hand: Arc::clone(self),
        }
    }

    /// Waits until there is room for more, or it has been waited for long enough. A message that is
    /// larger than all the room has it for itself.
    pub(super) async fn room(&self) {
        let deadline = Instant::now() + self.trickle;
        loop {
            let mut let_go = std::pin::pin!(self.let_go.notified());
            let_go.as_mut().enable();
            let has_room = self.bytes.load(Ordering::Relaxed) <= self.most
                || self.whole.load(Ordering::Relaxed) == 0;
            if has_room || timeout_at(deadline, let_go).await.is_err() {
                return;
            }
        }
    }
}

/// A message's share of [`InHand`], until it is dropped.
#[derive(Debug)]
pub(super) struct Body {
    bytes: usize,
    in_hand: Arc<InHand>,
}

impl Drop for Body {
    fn drop(&mut self) {
        let in_hand = &self.in_hand;
        in_hand.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        in_hand.whole.fetch_sub(self.bytes, Ordering::Relaxed);
        in_hand.let_go.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn is_open(in_hand: &InHand) -> bool {
        in_hand.room().now_or_never().is_some()
    }

    const FOR_EVER: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn beyond_the_limit_there_is_room_when_something_is_settled() {
        let in_hand = Arc::new(InHand::new(100, FOR_EVER));
        in_hand.came(100);
        assert!(is_open(&in_hand));
        in_hand.came(50);
        let (first, _second) = (in_hand.hold(60), in_hand.hold(90));
        assert!(!is_open(&in_hand));
        let waiting = tokio::spawn({
            let in_hand = Arc::clone(&in_hand);
            async move { in_hand.room().await }
        });
        tokio::task::yield_now().await;
        drop(first);
        waiting.await.unwrap();
        assert!(is_open(&in_hand));
    }

    #[tokio::test]
    async fn a_message_that_is_larger_than_the_room_waits_for_the_others_only() {
        let in_hand = Arc::new(InHand::new(100, FOR_EVER));
        in_hand.came(60);
        let other = in_hand.hold(60);
        in_hand.came(500);
        assert!(!is_open(&in_hand));
        drop(other);
        assert!(is_open(&in_hand));
        in_hand.came(500);
        assert!(is_open(&in_hand), "it is still coming");
        let _large = in_hand.hold(1_000);
        assert!(!is_open(&in_hand));
    }

    #[tokio::test]
    async fn a_little_is_read_all_the_same() {
        let in_hand = Arc::new(InHand::new(100, Duration::from_millis(10)));
        in_hand.came(200);
        let _unsettled = in_hand.hold(150);
        let settling = async {
            loop {
                in_hand.came(1);
                drop(in_hand.hold(1));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = in_hand.room() => {}
            () = settling => {}
        }
        assert!(!is_open(&in_hand), "there is no room");
    }
}
