//! When whoever asks for slots can make use of them.

use crate::domain::time::Timestamp;

/// The requests of a worker take turns: the k-th that gets a slot is of no use before its turn, and a
/// slot that begins earlier may be over by then. Slots are never earlier than the bucket gives them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Turns {
    /// When the first one's turn is, in microseconds from when slots may begin. Negative: so many can
    /// go at once.
    pub first: i64,
    /// From one turn to the next, in microseconds; 0: all can go at once.
    pub every: f64,
}

impl Turns {
    /// All can go at once.
    pub const NONE: Self = Self {
        first: 0,
        every: 0.0,
    };

    /// The turn of the k-th, from `from` on and no later than `horizon`.
    pub(super) fn of(self, k: usize, from: Timestamp, horizon: Timestamp) -> Timestamp {
        // At most thousands of turns of at most seconds.
        let turn = self.first + (self.every * k as f64).round() as i64;
        Timestamp(from.0 + turn.max(0)).min(horizon.max(from))
    }
}
