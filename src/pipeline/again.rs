//! Tries that missed their slot and ask for another one. Their intents stand: only the rate, and what
//! their addresses may get, is asked again, with the next batch of the line; nothing has to be
//! settled, claimed and written anew.

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
    /// Whether it is urgent.
    pub(super) urgent: bool,
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
    /// One more asks.
    pub(super) fn ask(&self, asked: Asked) {
        self.0.lock().push(asked);
    }

    /// Those that have waited longest, at most so many, and of them the urgent ones alone if there is
    /// an urgent one or `urgent`: what is urgent is not mixed with what comes after it. Answers also
    /// whether they are.
    pub(super) fn take(&self, most: usize, urgent: Option<bool>) -> (Vec<Asked>, bool) {
        let mut all = self.0.lock();
        // Whoever does not wait any more needs none.
        all.retain(|asked| !asked.answer.is_closed());
        let urgent = urgent.unwrap_or_else(|| all.iter().any(|asked| asked.urgent));
        let mut left = most;
        let goes = |asked: &mut Asked| {
            let goes = left > 0 && (asked.urgent || !urgent);
            left -= usize::from(goes);
            goes
        };
        (all.extract_if(.., goes).collect(), urgent)
    }

    /// These go on waiting: no slot was within reach.
    pub(super) fn put_back(&self, mut asked: Vec<Asked>) {
        let mut all = self.0.lock();
        asked.append(&mut all);
        *all = asked;
    }

    /// Nobody gets another one.
    pub(super) fn refuse(&self) {
        self.0.lock().clear();
    }

    /// Whether anyone asks.
    pub(super) fn any(&self) -> bool {
        !self.0.lock().is_empty()
    }
}
