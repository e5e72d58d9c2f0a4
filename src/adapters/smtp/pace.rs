//! How long a relay takes up to the final dot, as measured: so much before its slot a message begins.

use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::estimate::Estimate;

/// Taken for true until the first connection was opened: a few round trips.
const OPENING: Duration = Duration::from_millis(80);

/// Taken for true until the first message went: a round trip or three.
const DIALOGUE: Duration = Duration::from_millis(20);

/// Timers are not exact, and other messages want the processor too.
const HANDLING: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Pace {
    opening: Mutex<Estimate>,
    dialogue: Mutex<Estimate>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            opening: Mutex::new(Estimate::guess(OPENING)),
            dialogue: Mutex::new(Estimate::guess(DIALOGUE)),
        }
    }
}

impl Pace {
    /// From the first packet up to a connection that is ready for MAIL.
    pub(super) fn opening_took(&self, took: Duration) {
        self.opening.lock().observe(took);
    }

    /// From MAIL up to the moment at which only the final dot is missing.
    pub(super) fn dialogue_took(&self, took: Duration) {
        self.dialogue.lock().observe(took);
    }

    /// How long before its slot a message should begin on an open connection.
    pub(super) fn of_dialogue(&self) -> Duration {
        self.dialogue.lock().high() + HANDLING
    }

    /// The same, if the connection has to be opened first.
    pub(super) fn with_opening(&self) -> Duration {
        self.opening.lock().high() + self.of_dialogue()
    }
}
