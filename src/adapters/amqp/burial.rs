//! Handing in dead letters: beside everything else, many at a time. Whose messages cannot be read
//! makes nobody else's wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::handle::Arrived;
use super::publisher::{Message, Publisher, Receipt};
use crate::ports::clock::Clock;

/// So many are handed in at once, and
const AT_ONCE: usize = 100;
/// so many bytes of them, or one that is larger: within the time that confirms are waited for.
const BYTES: usize = 4 * 1024 * 1024;
/// How long a dead letter waits until it is tried again.
const WAIT: Duration = Duration::from_secs(2);
/// How long it is tried: well below the broker's `consumer_timeout` of 30 minutes.
const LIMIT: Duration = Duration::from_secs(600);
/// Whoever stops waits for so long until all are handed in.
const LAST: Duration = Duration::from_secs(2);

/// A message that becomes a dead letter.
struct Grave {
    message: Arrived,
    copy: Message,
    until: Instant,
}

/// Where dead letters are handed in. What waits there holds its room, as all that is not settled.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) clock: Arc<dyn Clock>,
    graves: mpsc::UnboundedSender<Grave>,
    /// How many are not handed in yet.
    open: watch::Sender<usize>,
}

impl Office {
    /// Starts handing in through `publisher`; must be called on a Tokio runtime. Ends with its owners.
    pub(super) fn open(publisher: Arc<Publisher>, clock: Arc<dyn Clock>) -> Self {
        let (graves, waiting) = mpsc::unbounded_channel();
        let open = watch::Sender::new(0);
        tokio::spawn(bury(publisher, waiting, open.clone()));
        Self {
            clock,
            graves,
            open,
        }
    }

    /// The message is acknowledged when the broker has the copy.
    pub(super) fn take(&self, message: Arrived, copy: Message) {
        let until = Instant::now() + LIMIT;
        self.open.send_modify(|open| *open += 1);
        let grave = Grave {
            message,
            copy,
            until,
        };
        // If nobody buries any more, the connection has ended, and the message comes again.
        self.graves.send(grave).ok();
    }

    /// Waits until all are handed in, some seconds at most; what is not then comes again.
    pub(super) async fn done(&self) {
        let mut open = self.open.subscribe();
        drop(timeout(LAST, open.wait_for(|open| *open == 0)).await);
    }
}

async fn bury(
    publisher: Arc<Publisher>,
    mut waiting: mpsc::UnboundedReceiver<Grave>,
    open: watch::Sender<usize>,
) {
    let mut graves: Vec<Grave> = Vec::new();
    loop {
        if graves.is_empty() {
            let Some(grave) = waiting.recv().await else {
                return;
            };
            graves.push(grave);
        }
        let mut bytes: usize = graves.iter().map(|grave| grave.copy.body.len()).sum();
        while graves.len() < AT_ONCE
            && bytes < BYTES
            && let Ok(grave) = waiting.try_recv()
        {
            bytes += grave.copy.body.len();
            graves.push(grave);
        }
        let before = graves.len();
        graves = hand_in(&publisher, graves).await;
        open.send_modify(|open| *open = open.saturating_sub(before - graves.len()));
        if !graves.is_empty() {
            tokio::time::sleep(WAIT).await;
        }
    }
}

/// Answers with those that are to be tried again.
async fn hand_in(publisher: &Publisher, graves: Vec<Grave>) -> Vec<Grave> {
    let (graves, late): (Vec<_>, Vec<_>) = graves
        .into_iter()
        // Those of a connection that has ended come again.
        .filter(|grave| grave.message.may_be_settled())
        .partition(|grave| Instant::now() < grave.until);
    for grave in late {
        warn!(
            queue = grave.message.queue(),
            "a dead letter could not be handed in; its message comes again"
        );
        grave.message.give_back();
    }
    if !publisher.is_ready() {
        return graves;
    }
    let copies: Vec<Message> = graves.iter().map(|grave| grave.copy.clone()).collect();
    let receipts = publisher.publish(&copies).await;
    let mut left = Vec::new();
    for (grave, receipt) in graves.into_iter().zip(receipts) {
        if receipt == Receipt::Confirmed {
            grave.message.ack();
        } else {
            left.push(grave);
        }
    }
    left
}
