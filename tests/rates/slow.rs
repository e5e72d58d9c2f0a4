//! Gateways that are slow before the point of no return.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use budstikke::domain::ids::DeliveryId;
use budstikke::domain::outcome::Outcome;
use budstikke::pipeline::deps::Routes;
use budstikke::ports::gateway::{Gateway, Outbound};
use budstikke::ports::slot::Slot;
use parking_lot::Mutex;

use crate::bound::{Log, assert_bound};
use crate::fleet::{Fleet, Paced, leave, route, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_needs_longer_than_slots_reach_ahead_gets_everything_all_the_same() {
    let log = Log::listen();
    let gateway = || Paced {
        before: Duration::from_millis(700),
        after: Duration::from_millis(10),
        at_once: 64,
    };
    let fleet = Fleet::start(2, |_| Routes {
        sms: vec![route("slow", Arc::new(gateway()), 40.0, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, 120, "Brøyting i kveld").await;
    until("everything is sent", || log.passed("slow").len() >= 120).await;
    let passed = log.passed("slow");
    assert_eq!(passed.len(), 120);
    assert_bound(&passed, 40.0, 1.0);
    fleet.stop().await;
}

/// Lets the first slot of each message pass, and counts how often each is submitted.
#[derive(Debug, Default)]
struct Hesitant(Mutex<HashMap<DeliveryId, usize>>);

#[async_trait]
impl Gateway for Hesitant {
    async fn submit(&self, outbound: &Outbound, slot: Slot, _: Duration) -> Outcome {
        let times = {
            let mut submitted = self.0.lock();
            let times = submitted.entry(outbound.delivery).or_default();
            *times += 1;
            *times
        };
        if times == 1 {
            tokio::time::sleep(slot.closes_in() + Duration::from_millis(5)).await;
        } else {
            slot.opened().await;
        }
        leave(slot)
    }

    async fn probe(&self, _: Duration) -> Result<String, String> {
        Ok("here".to_owned())
    }

    fn concurrency(&self) -> usize {
        64
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_misses_a_slot_gets_another_one_for_the_same_try() {
    let log = Log::listen();
    let gateway = Arc::new(Hesitant::default());
    let fleet = Fleet::start(1, |_| Routes {
        sms: vec![route("hesitant", Arc::clone(&gateway) as _, 200.0, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, 40, "Brøyting i kveld").await;
    until("everything is sent", || log.passed("hesitant").len() >= 40).await;
    assert_bound(&log.passed("hesitant"), 200.0, 1.0);
    let submitted: Vec<usize> = gateway.0.lock().values().copied().collect();
    assert_eq!(submitted.len(), 40);
    assert!(submitted.iter().all(|times| *times >= 2), "{submitted:?}");
    // A busy machine may let one miss so many slots that it begins anew: not all of them.
    let tries = fleet.tries("job-sms-0").await;
    let slots: usize = submitted.iter().sum();
    assert!((40..slots).contains(&tries), "{tries} tries, {slots} slots");
    fleet.stop().await;
}

/// Begins three seconds before its slots.
#[derive(Debug, Default)]
struct Deliberate {
    begun: AtomicUsize,
    ended: Arc<AtomicUsize>,
}

/// Counts one more when it is dropped.
struct Ends(Arc<AtomicUsize>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Gateway for Deliberate {
    async fn submit(&self, _: &Outbound, slot: Slot, _: Duration) -> Outcome {
        let _ends = Ends(Arc::clone(&self.ended));
        self.begun.fetch_add(1, Ordering::SeqCst);
        slot.opened().await;
        leave(slot)
    }

    async fn probe(&self, _: Duration) -> Result<String, String> {
        Ok("here".to_owned())
    }

    fn concurrency(&self) -> usize {
        64
    }

    fn lead(&self) -> Duration {
        Duration::from_secs(3)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stopped_while_the_gateway_gets_ready_never_leaves() {
    let log = Log::listen();
    let gateway = Arc::new(Deliberate::default());
    let fleet = Fleet::start(1, |_| Routes {
        sms: vec![route("deliberate", Arc::clone(&gateway) as _, 200.0, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, 5, "Brøyting i kveld").await;
    let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
    until("all get ready", || count(&gateway.begun) == 5).await;
    assert_eq!(count(&gateway.ended), 0, "this machine stood still");
    fleet.set_stopped(true).await;
    until("all are broken off", || count(&gateway.ended) == 5).await;
    assert_eq!(log.passed("deliberate"), []);
    fleet.set_stopped(false).await;
    until("all go on", || log.passed("deliberate").len() == 5).await;
    fleet.stop().await;
}

/// Takes few at once and needs a while to get ready; now and then one holds the others up.
#[derive(Debug, Default)]
struct Obstinate {
    begun: AtomicUsize,
    /// What was left of each slot when it was begun for.
    left: Mutex<Vec<Duration>>,
}

impl Obstinate {
    const LEAD: Duration = Duration::from_millis(300);
}

#[async_trait]
impl Gateway for Obstinate {
    async fn submit(&self, _: &Outbound, slot: Slot, _: Duration) -> Outcome {
        self.left.lock().push(slot.closes_in());
        let holds_up = self.begun.fetch_add(1, Ordering::SeqCst) % 10 == 9;
        slot.opened().await;
        let outcome = leave(slot);
        if holds_up {
            tokio::time::sleep(Self::LEAD * 2).await;
        }
        outcome
    }

    async fn probe(&self, _: Duration) -> Result<String, String> {
        Ok("here".to_owned())
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn lead(&self) -> Duration {
        Self::LEAD
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_ready_in_its_slot_is_not_begun_for_it() {
    let log = Log::listen();
    let gateway = Arc::new(Obstinate::default());
    let fleet = Fleet::start(1, |_| Routes {
        sms: vec![route("obstinate", Arc::clone(&gateway) as _, 200.0, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, 60, "Brøyting i kveld").await;
    until("everything is sent", || log.passed("obstinate").len() >= 60).await;
    let left = gateway.left.lock().clone();
    // On a busy machine a thread may stand still between the decision and the gateway: with one, not
    // with many.
    let late = |left: &&Duration| **left < Obstinate::LEAD * 2 / 3;
    assert!(
        left.iter().filter(late).count() * 10 <= left.len(),
        "{left:?}"
    );
    fleet.stop().await;
}

/// Opens a connection for the first message, which takes a second; the others use it.
#[derive(Debug, Default)]
struct Opening {
    open: AtomicBool,
    /// How long before its slot each message began.
    ahead: Mutex<Vec<Duration>>,
}

impl Opening {
    const LEAD: Duration = Duration::from_secs(1);
}

#[async_trait]
impl Gateway for Opening {
    async fn submit(&self, _: &Outbound, slot: Slot, _: Duration) -> Outcome {
        self.open.store(true, Ordering::SeqCst);
        self.ahead.lock().push(slot.opens_in());
        slot.opened().await;
        leave(slot)
    }

    async fn probe(&self, _: Duration) -> Result<String, String> {
        Ok("here".to_owned())
    }

    fn concurrency(&self) -> usize {
        64
    }

    fn lead(&self) -> Duration {
        if self.open.load(Ordering::SeqCst) {
            Duration::ZERO
        } else {
            Self::LEAD
        }
    }
}

// On one thread: the others are looked at when the first has begun.
#[tokio::test]
async fn who_was_given_the_time_to_get_ready_has_it_though_another_began_first() {
    let log = Log::listen();
    let gateway = Arc::new(Opening::default());
    let fleet = Fleet::start(1, |_| Routes {
        sms: vec![route("opening", Arc::clone(&gateway) as _, 200.0, 1)],
        email: Vec::new(),
    })
    .await;
    fleet.submit("sms", 0, 5, "Brøyting i kveld").await;
    until("everything is sent", || log.passed("opening").len() == 5).await;
    let ahead = gateway.ahead.lock().clone();
    // Without it they begin in their slots. A busy machine may take some of the second.
    let early = |ahead: &&Duration| **ahead > Opening::LEAD / 10;
    assert!(ahead.iter().filter(early).count() > 1, "{ahead:?}");
    fleet.stop().await;
}
