//! The broker: a queue that delivers again what was not acknowledged, and the agencies' own queues
//! for events, whose confirms may get lost.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::ids::AgencyId;
use budstikke::domain::kinds::Lane;
use budstikke::ports::event_sink::{EventSink, Window};
use budstikke::ports::job_source::{Handle, Incoming, JobSource, MessageKind, Settle, SourceError};
use tokio::sync::Notify;

use super::outside::Outside;
use super::time::{Life, note};

/// A message on the jobs queues.
#[derive(Clone)]
pub struct Message {
    pub agency: AgencyId,
    pub lane: Lane,
    pub kind: MessageKind,
    pub body: bytes::Bytes,
}

/// What the broker holds.
#[derive(Default)]
pub struct Broker {
    waiting: VecDeque<Message>,
    /// By tag: to whom, and what.
    unacknowledged: BTreeMap<u64, (Life, Message)>,
    next_tag: u64,
    bells: BTreeMap<Life, Arc<Notify>>,
    pub dead_letters: u64,
}

impl Broker {
    /// Nothing is on its way to the workers.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.unacknowledged.is_empty()
    }
}

impl Outside {
    /// A message is in the queue, confirmed to its publisher.
    pub fn publish(&self, message: Message) {
        self.state.lock().broker.waiting.push_back(message);
        self.ring();
    }

    fn ring(&self) {
        let bells = self.state.lock().broker.bells.clone();
        for (life, bell) in bells {
            bell.notify_one();
            self.sim.touch(life);
        }
    }

    /// The connection of a worker is gone: what it did not acknowledge goes to somebody else.
    pub fn disconnect(&self, life: Life) {
        let mut state = self.state.lock();
        state.broker.bells.remove(&life);
        drop(state);
        self.requeue(life);
    }

    pub fn requeue(&self, life: Life) {
        let mut state = self.state.lock();
        let tags: Vec<u64> = state
            .broker
            .unacknowledged
            .iter()
            .filter(|(_, (to, _))| *to == life)
            .map(|(tag, _)| *tag)
            .collect();
        let again = tags.len();
        for tag in tags.into_iter().rev() {
            if let Some((_, message)) = state.broker.unacknowledged.remove(&tag) {
                state.broker.waiting.push_front(message);
            }
        }
        drop(state);
        if again > 0 {
            note!(self.sim, "the broker takes {again} back from w{life}");
            self.count("message delivered again");
            self.ring();
        }
    }
}

/// A worker's consumers.
pub struct Source {
    outside: Arc<Outside>,
    life: Life,
    bell: Arc<Notify>,
    control: parking_lot::Mutex<Control>,
}

#[derive(Default)]
struct Control {
    paused: bool,
    stopped: bool,
}

impl Source {
    pub fn new(outside: Arc<Outside>, life: Life) -> Self {
        let bell = Arc::new(Notify::new());
        outside
            .state
            .lock()
            .broker
            .bells
            .insert(life, Arc::clone(&bell));
        Self {
            outside,
            life,
            bell,
            control: parking_lot::Mutex::default(),
        }
    }

    fn take(&self, limit: usize) -> Vec<Incoming> {
        let mut state = self.outside.state.lock();
        let mut taken = Vec::new();
        while taken.len() < limit.min(20) {
            let Some(message) = state.broker.waiting.pop_front() else {
                break;
            };
            state.broker.next_tag += 1;
            let tag = state.broker.next_tag;
            state
                .broker
                .unacknowledged
                .insert(tag, (self.life, message.clone()));
            let handle = Tag {
                outside: Arc::clone(&self.outside),
                life: self.life,
                tag,
            };
            taken.push(Incoming {
                sender: Ok(message.agency),
                lane: message.lane,
                kind: message.kind,
                body: message.body,
                handle: Handle(Box::new(handle)),
            });
        }
        taken
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

#[async_trait]
impl JobSource for Source {
    async fn next(&self, limit: usize) -> Result<Vec<Incoming>, SourceError> {
        loop {
            let (paused, stopped) = {
                let control = self.control.lock();
                (control.paused, control.stopped)
            };
            if stopped {
                return Ok(Vec::new());
            }
            if !paused {
                let taken = self.take(limit);
                if !taken.is_empty() {
                    let micros = self.outside.sim.draw(|rng| rng.latency(100..3_000));
                    self.outside
                        .sim
                        .sleep(self.life, Duration::from_micros(micros))
                        .await;
                    note!(
                        self.outside.sim,
                        "w{} takes {} messages",
                        self.life,
                        taken.len()
                    );
                    return Ok(taken);
                }
            }
            self.bell.notified().await;
        }
    }

    async fn ack_all(&self, handles: Vec<Handle>) {
        for Handle(handle) in handles {
            handle.ack().await;
        }
    }

    async fn pause(&self) {
        self.control.lock().paused = true;
    }

    async fn resume(&self) {
        self.control.lock().paused = false;
        self.bell.notify_one();
    }

    async fn stop(&self) {
        self.control.lock().stopped = true;
        self.bell.notify_one();
    }

    fn is_ready(&self) -> bool {
        true
    }
}

struct Tag {
    outside: Arc<Outside>,
    life: Life,
    tag: u64,
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.tag)
    }
}

#[async_trait]
impl Settle for Tag {
    async fn ack(self: Box<Self>) {
        let outside = &self.outside;
        let micros = outside.sim.draw(|rng| rng.latency(50..1_500));
        outside
            .sim
            .sleep(self.life, Duration::from_micros(micros))
            .await;
        let lost = outside.state.lock().ack_lost;
        if outside.sim.draw(|rng| rng.chance(lost)) {
            outside.count("acknowledgement lost");
            outside.requeue(self.life);
            return;
        }
        outside.state.lock().broker.unacknowledged.remove(&self.tag);
    }

    async fn dead_letter(self: Box<Self>, reason: &str) {
        self.outside
            .violation(format!("a message became a dead letter: {reason}"));
        self.outside.state.lock().broker.dead_letters += 1;
        self.ack().await;
    }

    async fn give_back(self: Box<Self>) {
        let message = self
            .outside
            .state
            .lock()
            .broker
            .unacknowledged
            .remove(&self.tag);
        if let Some((_, message)) = message {
            self.outside.publish(message);
        }
    }
}

/// A worker's publisher.
pub struct Sink {
    pub outside: Arc<Outside>,
    pub life: Life,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

impl Sink {
    fn publish_window(&self, window: Window<'_>, lost: f64) -> usize {
        let index = self.outside.agency_of(window.agency);
        let all = window.events.len() as u64;
        let mut state = self.outside.state.lock();
        if state.full == Some(index) {
            *state
                .counts
                .entry("event refused by a full queue")
                .or_default() += all;
            return 0;
        }
        drop(state);
        let (arrive, confirm) = self.outside.sim.draw(|rng| {
            if rng.chance(lost) {
                let arrive = rng.within(0..all + 1);
                (arrive, rng.within(0..arrive + 1))
            } else {
                (all, all)
            }
        });
        for event in &window.events[..arrive as usize] {
            self.outside.told(index, event);
        }
        if confirm < arrive {
            self.outside.count("confirm lost after publishing");
        }
        confirm as usize
    }
}

#[async_trait]
impl EventSink for Sink {
    async fn publish(&self, windows: &[Window<'_>]) -> Vec<usize> {
        let sim = &self.outside.sim;
        let (there, back) = sim.draw(|rng| (rng.latency(100..4_000), rng.latency(100..4_000)));
        sim.sleep(self.life, Duration::from_micros(there)).await;
        let (down, lost) = {
            let state = self.outside.state.lock();
            (state.sink_down, state.confirm_lost)
        };
        if down {
            self.outside
                .count("event not published: the broker is away");
            return vec![0; windows.len()];
        }
        let confirmed = windows
            .iter()
            .map(|window| self.publish_window(*window, lost))
            .collect();
        sim.sleep(self.life, Duration::from_micros(back)).await;
        confirmed
    }

    fn is_ready(&self) -> bool {
        let down = self.outside.state.lock().sink_down;
        if down {
            self.outside
                .count("event not published: the broker is away");
        }
        !down
    }
}
