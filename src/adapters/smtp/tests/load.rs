use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::support::{AMPLE, any_time, hello, recipient, relay, server, settings};
use crate::adapters::smtp::{Recycle, RelaySettings, Timeouts};
use crate::domain::outcome::{Fault, Outcome};
use crate::ports::gateway::Gateway;
use crate::sandbox::mail::{Act, At, Rule, Script};

fn patient(server: &crate::sandbox::mail::MailServer, connections: usize) -> RelaySettings {
    RelaySettings {
        connections,
        timeouts: Timeouts::default(),
        ..settings(server)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_arrives_exactly_once_over_no_more_connections_than_allowed() {
    for pipelining in [true, false] {
        let server = server(Script::default()).await;
        let relay = Arc::new(relay(RelaySettings {
            pipelining,
            ..patient(&server, 4)
        }));
        let mut burst = JoinSet::new();
        for position in 0..500 {
            let relay = Arc::clone(&relay);
            burst.spawn(async move { relay.submit(&hello(position), any_time(), AMPLE).await });
        }
        for outcome in burst.join_all().await {
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
        let mut arrived = BTreeMap::new();
        for mail in server.mailbox().snapshot() {
            *arrived.entry(mail.recipients.clone()).or_insert(0) += 1;
        }
        assert_eq!(arrived.len(), 500);
        assert!(arrived.values().all(|copies| *copies == 1));
        let connections = server.connections();
        assert!(
            connections.peak <= 4 && connections.total <= 4,
            "{connections:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_message_is_there_once_whatever_the_server_throws() {
    let mut script = Script {
        seed: 20_261_122,
        ..Script::default()
    };
    for at in [
        At::Banner,
        At::Ehlo,
        At::MailFrom,
        At::RcptTo,
        At::Data,
        At::Dot,
    ] {
        script = script
            .with(Rule::new(at, Act::Close).chance(0.02))
            .with(Rule::new(at, Act::Garbage).chance(0.01))
            .with(Rule::say(at, "421 4.3.2 busy").chance(0.01))
            .with(Rule::say(at, "451 4.3.0 later").chance(0.03));
    }
    script = script.with(Rule::new(At::Dot, Act::Close).chance(0.03).but_taken());
    let server = server(script).await;
    let relay = Arc::new(relay(RelaySettings {
        recycle: Recycle {
            messages: 20,
            ..Recycle::default()
        },
        ..patient(&server, 4)
    }));
    let mut burst = JoinSet::new();
    for position in 0..600 {
        let relay = Arc::clone(&relay);
        burst.spawn(async move {
            (
                position,
                relay.submit(&hello(position), any_time(), AMPLE).await,
            )
        });
    }
    let mailbox = server.mailbox();
    let mut words = BTreeMap::new();
    for (position, outcome) in burst.join_all().await {
        let copies = mailbox.find(&recipient(position)).len();
        match outcome {
            Outcome::Accepted { .. } => assert_eq!(copies, 1, "{position}"),
            Outcome::NotSent(_) => assert_eq!(copies, 0, "{position}"),
            Outcome::Unknown => assert!(copies <= 1, "{position}"),
        }
        *words.entry(outcome.as_str()).or_insert(0) += 1;
    }
    for word in ["accepted", "transient", "channel", "unknown"] {
        assert!(words.contains_key(word), "{words:?}");
    }
}

#[tokio::test]
async fn a_cancelled_message_does_not_poison_the_next() {
    for at in [At::MailFrom, At::RcptTo, At::Data, At::Dot] {
        for pipelining in [true, false] {
            let slow = Rule::new(at, Act::Delay(Duration::from_millis(500)));
            let server = server(Script {
                pipelining,
                ..Script::default()
            })
            .await;
            let relay = relay(patient(&server, 1));
            assert!(matches!(
                relay.submit(&hello(0), any_time(), AMPLE).await,
                Outcome::Accepted { .. }
            ));
            server.set_script(Script::default().with(slow.times(1)));
            let message = hello(1);
            let submitting = relay.submit(&message, any_time(), AMPLE);
            let cancelled = tokio::time::timeout(Duration::from_millis(100), submitting).await;
            assert!(cancelled.is_err(), "{at:?}");
            server
                .set_script(Script::default().with(Rule::unknown_user(|to| to == "r2@example.no")));
            let refused = relay.submit(&hello(2), any_time(), AMPLE).await;
            assert!(
                matches!(refused, Outcome::NotSent(Fault::Permanent { .. })),
                "{at:?}: {refused:?}"
            );
            let accepted = relay.submit(&hello(3), any_time(), AMPLE).await;
            assert!(
                matches!(accepted, Outcome::Accepted { .. }),
                "{at:?}: {accepted:?}"
            );
        }
    }
}

#[tokio::test]
async fn waiting_for_a_connection_beyond_the_deadline_is_the_channels_fault() {
    let server = server(Script::default().with(Rule::new(At::Dot, Act::Stall).times(1))).await;
    let relay = Arc::new(relay(patient(&server, 1)));
    let holding = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move {
            relay
                .submit(&hello(1), any_time(), Duration::from_secs(3))
                .await
        }
    });
    let until = tokio::time::Instant::now() + AMPLE;
    while server.thrown(At::Dot) == 0 {
        assert!(
            tokio::time::Instant::now() < until,
            "the first message never came"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(
        relay
            .submit(&hello(2), any_time(), Duration::from_millis(50))
            .await,
        Outcome::NotSent(Fault::Channel { retry_after: None })
    );
    assert_eq!(holding.await.expect("no panic"), Outcome::Unknown);
    assert!(matches!(
        relay.submit(&hello(3), any_time(), AMPLE).await,
        Outcome::Accepted { .. }
    ));
    assert_eq!(server.connections().peak, 1);
}
