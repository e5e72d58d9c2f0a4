//! What was asked.

use std::sync::Arc;

use parking_lot::Mutex;

/// One call, as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Persons asked about.
    pub persons: usize,
    /// The answer's status.
    pub status: u16,
    /// For whom, by the token.
    pub consumer: Option<String>,
    /// The form that was asked for.
    pub accept: String,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    in_flight: usize,
    most_in_flight: usize,
}

/// All calls so far. Cheap to clone; the clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<State>>);

impl Calls {
    pub(super) fn begin(&self) {
        let mut state = self.0.lock();
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
    }

    pub(super) fn end(&self, call: Call) {
        let mut state = self.0.lock();
        state.in_flight -= 1;
        state.calls.push(call);
    }

    /// Every call that was answered, in order.
    pub fn all(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    /// How many were answered.
    pub fn count(&self) -> usize {
        self.0.lock().calls.len()
    }

    /// Persons asked about in all.
    pub fn persons(&self) -> usize {
        self.0.lock().calls.iter().map(|call| call.persons).sum()
    }

    /// How many were under way at once at most.
    pub fn most_in_flight(&self) -> usize {
        self.0.lock().most_in_flight
    }
}
