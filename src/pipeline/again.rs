//! Tries that missed their slot and ask for another one. Their intents stand: only the rate is asked
//! again, with the next batch of the line, and nothing has to be settled, claimed and written anew.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::ports::clock::Monotonic;
use crate::ports::store::{AgencyRate, IntentEntry};

/// Those of one line.
#[derive(Debug, Default)]
pub(super) struct Again(Mutex<Vec<Asked>>);

/// One that asks.
#[derive(Debug)]
pub(super) struct Asked {
    /// The try that is written.
    pub(super) entry: IntentEntry,
    /// Its agency's own rate, if it has one.
    pub(super) rate: Option<AgencyRate>,
    /// Dropped unanswered: there is no other slot.
    pub(super) answer: oneshot::Sender<NewSlot>,
}

/// Another slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NewSlot {
    /// When it begins.
    pub(super) starts_at: Monotonic,
    /// When the store's clock was read for it.
    pub(super) granted_at: Monotonic,
}

impl Again {
    /// Asks for one.
    pub(super) fn ask(
        &self,
        entry: IntentEntry,
        rate: Option<AgencyRate>,
    ) -> oneshot::Receiver<NewSlot> {
        let (answer, receiver) = oneshot::channel();
        let asked = Asked {
            entry: IntentEntry {
                again: true,
                cover: None,
                address: None,
                ..entry
            },
            rate,
            answer,
        };
        self.0.lock().push(asked);
        receiver
    }

    /// All that ask.
    pub(super) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock())
    }

    /// Whether anyone asks.
    pub(super) fn any(&self) -> bool {
        !self.0.lock().is_empty()
    }
}
