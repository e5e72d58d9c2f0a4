//! What the gateway took: the truth that tests and demo compare with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::adapters::sms::wire::GatewayKind;

/// One message as it came. Debug shows neither number nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct Taken {
    /// In which format it came.
    pub kind: GatewayKind,
    /// The receiver.
    pub to: Box<str>,
    /// The sender.
    pub from: Box<str>,
    /// The text; equal texts share their memory.
    pub text: Arc<str>,
    /// The client's reference; Kannel has one only if it was asked for reports.
    pub reference: Option<Box<str>>,
    /// The gateway's id.
    pub id: Box<str>,
    /// When.
    pub at: Instant,
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({}, {:?})", self.id, self.reference)
    }
}

/// A handle of the messages; cloning gives another handle of the same.
#[derive(Clone)]
pub struct Inbox {
    state: Arc<Mutex<State>>,
    count: Arc<watch::Sender<usize>>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} messages)", self.count())
    }
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    by_receiver: HashMap<Box<str>, Vec<u32>>,
    by_reference: HashMap<Box<str>, Vec<u32>>,
    arrivals: HashMap<Box<str>, u32>,
    texts: HashMap<Arc<str>, ()>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            count: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Inbox {
    /// How many were taken.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Everything, in the order of arrival.
    pub fn snapshot(&self) -> Vec<Taken> {
        self.state.lock().taken.clone()
    }

    /// What went to a number, as it was written in the requests.
    pub fn to(&self, receiver: &str) -> Vec<Taken> {
        let state = self.state.lock();
        state.pick(state.by_receiver.get(receiver))
    }

    /// What came with a reference.
    pub fn with_reference(&self, reference: &str) -> Vec<Taken> {
        let state = self.state.lock();
        state.pick(state.by_reference.get(reference))
    }

    /// The most messages that one reference brought: 1 is exactly once, 0 is nothing at all.
    pub fn most_per_reference(&self) -> usize {
        let state = self.state.lock();
        state.by_reference.values().map(Vec::len).max().unwrap_or(0)
    }

    /// How many different references were taken.
    pub fn references(&self) -> usize {
        self.state.lock().by_reference.len()
    }

    /// Waits until at least `count` were taken; false if `limit` came first.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let mut seen = self.count.subscribe();
        let waiting = seen.wait_for(|now| *now >= count);
        matches!(tokio::time::timeout(limit, waiting).await, Ok(Ok(_)))
    }

    /// Forgets everything; handles stay valid.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
        self.count.send_replace(0);
    }

    /// How often a key has arrived before, this time not counted.
    pub(super) fn arrive(&self, key: &str) -> u32 {
        let mut state = self.state.lock();
        match state.arrivals.get_mut(key) {
            Some(times) => {
                *times += 1;
                *times
            }
            None => {
                state.arrivals.insert(key.into(), 0);
                0
            }
        }
    }

    /// The first message with the reference, if there is one.
    pub(super) fn first_with(&self, reference: &str) -> Option<Taken> {
        let state = self.state.lock();
        let first = *state.by_reference.get(reference)?.first()?;
        state.taken.get(first as usize).cloned()
    }

    pub(super) fn take(&self, mut message: Taken) -> Taken {
        let mut state = self.state.lock();
        if let Some((text, ())) = state.texts.get_key_value(&message.text) {
            message.text = Arc::clone(text);
        } else {
            state.texts.insert(Arc::clone(&message.text), ());
        }
        let index = u32::try_from(state.taken.len()).unwrap_or(u32::MAX);
        message.id = format!("sb-{}", index + 1).into();
        state
            .by_receiver
            .entry(message.to.clone())
            .or_default()
            .push(index);
        if let Some(reference) = message.reference.clone() {
            state.by_reference.entry(reference).or_default().push(index);
        }
        state.taken.push(message.clone());
        self.count.send_replace(state.taken.len());
        message
    }
}

impl State {
    fn pick(&self, indices: Option<&Vec<u32>>) -> Vec<Taken> {
        indices
            .into_iter()
            .flatten()
            .filter_map(|index| self.taken.get(*index as usize).cloned())
            .collect()
    }
}
