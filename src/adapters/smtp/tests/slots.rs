//! The final dot leaves inside the slot or never.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::support::{AMPLE, any_time, hello, recipient, relay, server, settings};
use crate::adapters::clock::SystemClock;
use crate::adapters::smtp::{RelaySettings, SmtpRelay, Timeouts};
use crate::domain::outcome::{Fault, Outcome};
use crate::ports::clock::{Clock as _, Monotonic};
use crate::ports::gateway::Gateway as _;
use crate::ports::slot::Slot;
use crate::sandbox::mail::{Act, At, MailServer, Rule, Script};

const LATE: Outcome = Outcome::NotSent(Fault::Late);

/// Opens so much later, for 50 ms.
fn in_millis(opens_in: u64) -> Slot {
    let clock = Arc::new(SystemClock);
    let opens = clock.monotonic().plus(Duration::from_millis(opens_in));
    Slot::new(
        clock,
        "relay",
        1,
        opens,
        opens.plus(Duration::from_millis(50)),
    )
}

/// Was over a moment ago.
fn over() -> Slot {
    let clock = Arc::new(SystemClock);
    let now = clock.monotonic();
    Slot::new(
        clock,
        "relay",
        1,
        Monotonic(0),
        now.minus(Duration::from_micros(1)),
    )
}

fn patient(server: &MailServer, pipelining: bool) -> SmtpRelay {
    relay(RelaySettings {
        connections: 1,
        pipelining,
        timeouts: Timeouts::default(),
        ..settings(server)
    })
}

#[tokio::test]
async fn a_relay_slow_at_any_stage_is_late_and_has_taken_nothing() {
    for pipelining in [true, false] {
        for at in [At::Banner, At::Ehlo, At::MailFrom, At::RcptTo, At::Data] {
            let slow = Rule::new(at, Act::Delay(Duration::from_millis(200))).times(1);
            let server = server(Script::default().with(slow)).await;
            let relay = patient(&server, pipelining);
            let outcome = relay.submit(&hello(1), in_millis(20), AMPLE).await;
            assert_eq!(outcome, LATE, "{at:?}, pipelining {pipelining}");
            let outcome = relay.submit(&hello(2), any_time(), AMPLE).await;
            assert_eq!(outcome.as_str(), "accepted", "{at:?}, {pipelining}");
            assert!(server.mailbox().find(&recipient(1)).is_empty(), "{at:?}");
            assert_eq!(server.mailbox().count(), 1, "{at:?}");
        }
    }
}

#[tokio::test]
async fn a_slot_that_is_over_leaves_the_connection_as_it_was() {
    let server = server(Script::default()).await;
    let relay = patient(&server, true);
    for position in 1..4 {
        assert_eq!(relay.submit(&hello(position), over(), AMPLE).await, LATE);
    }
    let outcome = relay.submit(&hello(4), any_time(), AMPLE).await;
    assert_eq!(outcome.as_str(), "accepted");
    assert_eq!(server.mailbox().count(), 1);
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn late_before_data_the_transaction_is_reset_and_the_connection_kept() {
    let slow = Rule::new(At::RcptTo, Act::Delay(Duration::from_millis(150))).times(1);
    let server = server(Script::default().with(slow)).await;
    let relay = patient(&server, false);
    assert_eq!(relay.submit(&hello(1), in_millis(20), AMPLE).await, LATE);
    let outcome = relay.submit(&hello(2), any_time(), AMPLE).await;
    assert_eq!(outcome.as_str(), "accepted");
    assert!(server.mailbox().find(&recipient(1)).is_empty());
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn the_text_goes_ahead_and_the_dot_when_the_slot_opens() {
    let server = server(Script::default()).await;
    let relay = Arc::new(patient(&server, true));
    let begun = Instant::now();
    let submitting = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move { relay.submit(&hello(1), in_millis(300), AMPLE).await }
    });
    while server.connections().open == 0 {
        tokio::task::yield_now().await;
    }
    assert!(begun.elapsed() < Duration::from_millis(300));
    assert_eq!(server.mailbox().count(), 0, "too early");
    assert_eq!(submitting.await.unwrap().as_str(), "accepted");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(server.mailbox().count(), 1);
}

#[tokio::test]
async fn a_relay_that_hangs_up_while_the_slot_is_awaited_has_certainly_taken_nothing() {
    let seen = Rule::new(At::Data, Act::Delay(Duration::from_millis(1))).times(1);
    let server = server(Script::default().with(seen)).await;
    let relay = Arc::new(patient(&server, true));
    let submitting = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move { relay.submit(&hello(1), in_millis(400), AMPLE).await }
    });
    while server.thrown(At::Data) == 0 {
        tokio::task::yield_now().await;
    }
    server.hang_up();
    let outcome = submitting.await.unwrap();
    assert!(
        matches!(outcome, Outcome::NotSent(Fault::Transient { .. })),
        "{outcome:?}"
    );
    assert_eq!(server.mailbox().count(), 0);
    let outcome = relay.submit(&hello(2), any_time(), AMPLE).await;
    assert_eq!(outcome.as_str(), "accepted");
}

#[tokio::test]
async fn a_message_begins_as_early_as_the_dialogue_was_long() {
    let slow = Rule::new(At::RcptTo, Act::Delay(Duration::from_millis(60)));
    let server = server(Script::default().with(slow)).await;
    let relay = patient(&server, true);
    for position in 0..12 {
        relay.submit(&hello(position), any_time(), AMPLE).await;
    }
    let lead = relay.lead();
    assert!(lead >= Duration::from_millis(60), "{lead:?}");
    assert!(lead < Duration::from_millis(250), "{lead:?}");
}

#[tokio::test]
async fn a_relay_whose_connections_are_all_lent_is_as_quick_as_an_open_one() {
    let slow = Rule::new(At::Banner, Act::Delay(Duration::from_millis(400)));
    let seen = Rule::new(At::Data, Act::Delay(Duration::from_millis(1)));
    let server = server(Script::default().with(slow).with(seen)).await;
    let relay = Arc::new(patient(&server, true));
    relay.submit(&hello(0), any_time(), AMPLE).await;
    let submitting = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move { relay.submit(&hello(1), in_millis(500), AMPLE).await }
    });
    while server.thrown(At::Data) < 2 {
        tokio::task::yield_now().await;
    }
    // The whole fleet's slots would begin that much later.
    assert!(relay.lead() < Duration::from_millis(400), "{relay:?}");
    assert_eq!(submitting.await.unwrap().as_str(), "accepted");
    server.hang_up();
}

#[tokio::test]
async fn a_relay_that_hangs_up_after_each_message_is_given_the_time_to_open_another() {
    let opening = Duration::from_millis(80);
    let slow = Rule::new(At::Banner, Act::Delay(opening));
    let server = server(Script::default().with(slow)).await;
    let relay = patient(&server, true);
    let submit = async |position| {
        let outcome = relay.submit(&hello(position), any_time(), AMPLE).await;
        assert_eq!(outcome.as_str(), "accepted");
    };
    submit(0).await;
    assert!(relay.lead() < opening, "its connection can be used again");
    for position in 1..9 {
        server.hang_up();
        while server.connections().open > 0 {
            tokio::task::yield_now().await;
        }
        submit(position).await;
    }
    assert!(relay.lead() >= opening, "{relay:?}");
    for position in 9..18 {
        submit(position).await;
    }
    assert!(relay.lead() < opening, "it does not hang up any more");
}

#[tokio::test]
async fn a_long_text_is_written_before_the_slot_opens_even_if_it_is_open() {
    let server = server(Script::default()).await;
    let relay = patient(&server, true);
    let mut long = hello(1);
    if let crate::ports::gateway::Content::Email { text, .. } = &mut long.content {
        *text = "Hei på deg, hver dag og hele året.\n".repeat(20_000);
    }
    let outcome = relay.submit(&long, any_time(), AMPLE).await;
    assert_eq!(outcome.as_str(), "accepted");
    assert_eq!(server.mailbox().count(), 1);
}
