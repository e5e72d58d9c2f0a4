//! The last byte leaves inside the slot or never.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::fake::{Act, Fake, reply};
use super::support::{any_time, gateway, good_body, message};
use crate::adapters::clock::SystemClock;
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::time::Timestamp;
use crate::ports::clock::{Clock, Monotonic};
use crate::ports::gateway::Gateway;
use crate::ports::slot::Slot;

const PATIENT: Duration = Duration::from_secs(20);
const LATE: Outcome = Outcome::NotSent(Fault::Late);

async fn taking(kind: GatewayKind) -> (Fake, Arc<dyn Gateway>) {
    let fake = Fake::start(vec![Act::Write(reply(200, "", good_body(kind)))]).await;
    let gateway = gateway(kind, &Settings::new("fake", fake.url()));
    (fake, gateway)
}

/// Opens so much later, for 50 ms.
fn in_millis(opens_in: u64) -> Slot {
    let clock = Arc::new(SystemClock);
    let opens = clock.monotonic().plus(Duration::from_millis(opens_in));
    Slot::new(
        clock,
        "fake",
        1,
        opens,
        opens.plus(Duration::from_millis(50)),
    )
}

/// Was over a moment ago.
fn over() -> Slot {
    let clock = Arc::new(SystemClock);
    let now = clock.monotonic().0;
    Slot::new(
        clock,
        "fake",
        1,
        Monotonic(now - 60_000),
        Monotonic(now - 1),
    )
}

#[tokio::test]
async fn a_message_waits_for_its_slot_with_its_connection_open() {
    for kind in GatewayKind::ALL {
        let (fake, gateway) = taking(*kind).await;
        let begun = Instant::now();
        let submitting = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move { gateway.submit(&message(0), in_millis(300), PATIENT).await }
        });
        while fake.open() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(begun.elapsed() < Duration::from_millis(300), "{kind:?}");
        assert!(fake.requests().is_empty(), "{kind:?}: too early");
        assert_eq!(submitting.await.unwrap().as_str(), "accepted", "{kind:?}");
        assert!(begun.elapsed() >= Duration::from_millis(300), "{kind:?}");
    }
}

#[tokio::test]
async fn a_message_whose_slot_is_over_is_late_and_keeps_the_connection() {
    for kind in GatewayKind::ALL {
        let (fake, gateway) = taking(*kind).await;
        for position in 0..3 {
            let outcome = gateway.submit(&message(position), over(), PATIENT).await;
            assert_eq!(outcome, LATE, "{kind:?}");
        }
        assert!(fake.requests().is_empty(), "{kind:?}");
        let outcome = gateway.submit(&message(3), any_time(), PATIENT).await;
        assert_eq!(outcome.as_str(), "accepted", "{kind:?}");
        assert_eq!(fake.requests().len(), 1, "{kind:?}");
        assert_eq!(fake.connections(), 1, "{kind:?}: warm after the first");
    }
}

#[tokio::test]
async fn a_gateway_whose_connections_are_all_lent_is_as_quick_as_an_open_one() {
    for kind in GatewayKind::ALL {
        let (_fake, gateway) = taking(*kind).await;
        let closed = gateway.lead();
        let begun = Instant::now();
        let submitting = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move { gateway.submit(&message(0), in_millis(1_000), PATIENT).await }
        });
        while gateway.lead() >= closed / 2 {
            assert!(begun.elapsed() < Duration::from_millis(800), "{kind:?}");
            tokio::task::yield_now().await;
        }
        let lent = gateway.lead();
        assert_eq!(submitting.await.unwrap().as_str(), "accepted", "{kind:?}");
        assert_eq!(lent, gateway.lead(), "{kind:?}");
    }
}

/// Each look at it takes a while: the slot is over between the last look and the write.
#[derive(Debug)]
struct Stepping(AtomicU64);

#[async_trait]
impl Clock for Stepping {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(self.0.fetch_add(10, Ordering::SeqCst))
    }
    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn a_slot_that_ends_between_the_last_look_and_the_write_lets_nothing_out() {
    for kind in GatewayKind::ALL {
        let (fake, gateway) = taking(*kind).await;
        // Looks: opened at 0, over at 10, let past at 20.
        for (closes, expected) in [(20, "accepted"), (15, "late")] {
            let clock = Arc::new(Stepping(AtomicU64::new(0)));
            let slot = Slot::new(clock, "fake", 1, Monotonic(0), Monotonic(closes));
            let outcome = gateway.submit(&message(closes as u16), slot, PATIENT).await;
            assert_eq!(outcome.as_str(), expected, "{kind:?}");
        }
        assert_eq!(fake.requests().len(), 1, "{kind:?}");
        let outcome = gateway.submit(&message(3), any_time(), PATIENT).await;
        assert_eq!(outcome.as_str(), "accepted", "{kind:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_while_the_slot_is_awaited_is_replaced() {
    for kind in GatewayKind::ALL {
        let good = reply(200, "", good_body(*kind));
        let soon = Duration::from_millis(20);
        let acts = vec![
            Act::WriteAndCloseLater(good.clone(), soon),
            Act::Write(good),
        ];
        let fake = Fake::start(acts).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        for (position, slot) in [(0, any_time()), (1, in_millis(200))] {
            let outcome = gateway.submit(&message(position), slot, PATIENT).await;
            assert_eq!(outcome.as_str(), "accepted", "{kind:?} {position}");
        }
        assert_eq!(fake.requests().len(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn connecting_is_begun_as_early_as_it_takes_once_it_is_known() {
    for kind in GatewayKind::ALL {
        let (_fake, gateway) = taking(*kind).await;
        let unknown = gateway.lead();
        assert!(unknown > Duration::from_millis(20), "{unknown:?}");
        gateway.submit(&message(0), any_time(), PATIENT).await;
        let warm = gateway.lead();
        assert!(warm < Duration::from_millis(5), "{warm:?}");
    }
}
