//! What the mail server took.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::decode;

/// How many messages are kept. All are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Every message.
    #[default]
    All,
    /// The newest.
    Last(usize),
    /// None.
    CountOnly,
}

/// A message that was taken. Decoded when asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub recipients: Vec<String>,
    /// Headers and body as they came, without doubled dots.
    pub raw: Vec<u8>,
    /// When the final dot was read.
    pub at: Instant,
}

impl Mail {
    /// A header, unfolded and decoded (RFC 2047).
    pub fn header(&self, name: &str) -> Option<String> {
        decode::header(&self.raw, name)
    }

    /// `Subject`, decoded; empty if absent.
    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    /// `Message-ID` with its angle brackets; empty if absent.
    pub fn message_id(&self) -> String {
        self.header("Message-ID").unwrap_or_default()
    }

    /// The text part, decoded.
    pub fn text(&self) -> Option<String> {
        decode::part(&self.raw, "text/plain")
    }

    /// The HTML part, decoded.
    pub fn html(&self) -> Option<String> {
        decode::part(&self.raw, "text/html")
    }
}

/// Masked.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({} bytes)", self.raw.len())
    }
}

#[derive(Debug)]
struct Inner {
    kept: Mutex<VecDeque<Arc<Mail>>>,
    count: watch::Sender<u64>,
}

/// What the mail server took. Clones share it.
#[derive(Debug, Clone)]
pub struct Mailbox(Arc<Inner>);

impl Default for Mailbox {
    fn default() -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::default(),
            count: watch::Sender::new(0),
        }))
    }
}

impl Mailbox {
    /// How many messages were taken, kept or not.
    pub fn count(&self) -> u64 {
        *self.0.count.borrow()
    }

    /// The messages kept, oldest first.
    pub fn snapshot(&self) -> Vec<Arc<Mail>> {
        self.0.kept.lock().iter().cloned().collect()
    }

    /// The messages kept for an envelope recipient, oldest first.
    pub fn find(&self, recipient: &str) -> Vec<Arc<Mail>> {
        let kept = self.0.kept.lock();
        kept.iter()
            .filter(|mail| mail.recipients.iter().any(|to| to == recipient))
            .cloned()
            .collect()
    }

    /// Waits until at least `count` messages were taken; false if they were not within `limit`.
    pub async fn wait_for(&self, count: u64, limit: Duration) -> bool {
        let mut watcher = self.0.count.subscribe();
        let enough = watcher.wait_for(|taken| *taken >= count);
        matches!(tokio::time::timeout(limit, enough).await, Ok(Ok(_)))
    }

    /// Forgets the messages kept; the count goes on.
    pub fn clear(&self) {
        self.0.kept.lock().clear();
    }

    pub(super) fn take(&self, mail: Mail, keep: Keep) {
        let room = match keep {
            Keep::All => usize::MAX,
            Keep::Last(room) => room,
            Keep::CountOnly => 0,
        };
        let mut kept = self.0.kept.lock();
        if room > 0 {
            kept.push_back(Arc::new(mail));
        }
        while kept.len() > room {
            kept.pop_front();
        }
        drop(kept);
        self.0.count.send_modify(|count| *count += 1);
    }
}
