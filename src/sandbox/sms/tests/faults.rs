use std::time::{Duration, Instant};

use super::support::{PATIENT, any_time, gateway, message, number, start, texted};
use crate::adapters::sms::wire::GatewayKind;
use crate::domain::outcome::{Fault as NotSentFault, Outcome};
use crate::sandbox::sms::{Fault, FaultOf, IsReceiver, Knobs, Repeats, Span};

#[tokio::test]
async fn every_character_arrives_as_it_was_sent() {
    let server = start(Knobs::default()).await;
    for kind in GatewayKind::ALL {
        let gateway = gateway(*kind, &server, None);
        for (position, text) in [
            "Blåbær, søt mat og ØÆÅ",
            "100 % & + = ? # / \\ \"sitat\" 'ja'\nny linje",
            "čálit ŋ 👍🏽 👩‍👩‍👧 €",
        ]
        .into_iter()
        .enumerate()
        {
            server.inbox().clear();
            let message = texted(position as u16, text);
            assert_eq!(
                gateway.submit(&message, any_time(), PATIENT).await.as_str(),
                "accepted"
            );
            let taken = server.inbox().snapshot().remove(0);
            assert_eq!(&*taken.text, text, "{kind:?}");
            assert_eq!(&*taken.to, number(position as u16), "{kind:?}");
            assert_eq!(&*taken.from, "OsloKommune", "{kind:?}");
            let reference = message.delivery.client_reference();
            assert_eq!(taken.reference.as_deref(), Some(&*reference), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn every_fault_is_understood_for_what_it_is() {
    for kind in GatewayKind::ALL {
        for (fault, expected, taken) in [
            (Fault::Error500, "transient", 0),
            (Fault::Unavailable503, "channel", 0),
            (Fault::TooMany429, "channel", 0),
            (Fault::Unauthorized401, "channel", 0),
            (Fault::ErrorBody200, "unknown", 0),
            (Fault::BadGateway502, "unknown", 1),
            (Fault::Hang, "unknown", 1),
            (Fault::Reset, "unknown", 1),
        ] {
            let server = start(Knobs::default().with(fault, 1.0)).await;
            let deadline = if fault == Fault::Hang {
                Duration::from_millis(200)
            } else {
                PATIENT
            };
            let outcome = gateway(*kind, &server, None)
                .submit(&message(1), any_time(), deadline)
                .await;
            assert_eq!(outcome.as_str(), expected, "{kind:?} {fault:?}");
            assert_eq!(server.inbox().count(), taken, "{kind:?} {fault:?}");
            assert_eq!(server.counters().thrown(fault), 1, "{kind:?} {fault:?}");
            assert_eq!(server.counters().arrived(), 1, "{kind:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn retry_after_is_what_the_knob_says() {
    let knobs = Knobs {
        retry_after: Duration::from_secs(33),
        ..Knobs::default()
    };
    let server = start(knobs.with(Fault::TooMany429, 1.0)).await;
    let outcome = gateway(GatewayKind::Json, &server, None)
        .submit(&message(1), any_time(), PATIENT)
        .await;
    assert_eq!(
        outcome,
        Outcome::NotSent(NotSentFault::Channel {
            retry_after: Some(Duration::from_secs(33))
        })
    );
}

#[tokio::test]
async fn a_refused_receiver_is_refused_for_good_and_others_are_not() {
    let knobs = Knobs {
        refuse: Some(IsReceiver::new(|to| to.ends_with('7'))),
        ..Knobs::default()
    };
    let server = start(knobs).await;
    for kind in GatewayKind::ALL {
        let gateway = gateway(*kind, &server, None);
        assert_eq!(
            gateway
                .submit(&message(7), any_time(), PATIENT)
                .await
                .as_str(),
            "permanent"
        );
        assert_eq!(
            gateway
                .submit(&message(8), any_time(), PATIENT)
                .await
                .as_str(),
            "accepted"
        );
    }
    assert_eq!(server.counters().refused(), 2);
    assert!(server.inbox().to(&number(7)).is_empty());
    assert_eq!(server.inbox().to(&number(8)).len(), 2);
}

#[tokio::test]
async fn an_idempotent_gateway_folds_repeats_and_another_does_not() {
    for (repeats, expected) in [(Repeats::Fold, 1), (Repeats::TakeAgain, 2)] {
        let knobs = Knobs {
            repeats,
            ..Knobs::default()
        };
        let server = start(knobs).await;
        let gateway = gateway(GatewayKind::Json, &server, None);
        let first = gateway.submit(&message(1), any_time(), PATIENT).await;
        let second = gateway.submit(&message(1), any_time(), PATIENT).await;
        assert_eq!(
            first == second,
            repeats == Repeats::Fold,
            "the same id again"
        );
        let reference = message(1).delivery.client_reference();
        assert_eq!(server.inbox().with_reference(&reference).len(), expected);
        assert_eq!(server.inbox().most_per_reference(), expected);
    }
}

#[tokio::test]
async fn the_same_seed_hurts_the_same_messages() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let server = start(Knobs::default().with(Fault::Error500, 0.3)).await;
        let gateway = gateway(GatewayKind::Json, &server, None);
        let mut outcomes = Vec::new();
        for position in 0..60 {
            outcomes.push(
                gateway
                    .submit(&message(position), any_time(), PATIENT)
                    .await
                    .as_str(),
            );
        }
        let hurt = server.counters().thrown(Fault::Error500);
        assert!((5..40).contains(&hurt), "{hurt} of 60 at 0.3");
        seen.push(outcomes);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn faults_can_be_limited_chosen_and_turned_off() {
    let knobs = Knobs {
        faults_per_message: 2,
        fault: Some(FaultOf::new(|message| {
            message.to.ends_with('5').then_some(Fault::Error500)
        })),
        ..Knobs::default()
    };
    let server = start(knobs).await;
    let gateway = gateway(GatewayKind::Kannel, &server, None);
    for expected in ["transient", "transient", "accepted"] {
        assert_eq!(
            gateway
                .submit(&message(5), any_time(), PATIENT)
                .await
                .as_str(),
            expected
        );
    }
    assert_eq!(
        gateway
            .submit(&message(6), any_time(), PATIENT)
            .await
            .as_str(),
        "accepted"
    );
    server.set(Knobs::default());
    assert_eq!(
        gateway
            .submit(&message(15), any_time(), PATIENT)
            .await
            .as_str(),
        "accepted"
    );
    assert_eq!(server.counters().thrown_in_all(), 2);
}

#[tokio::test]
async fn a_slow_gateway_has_the_message_before_it_answers() {
    let knobs = Knobs {
        latency: Span::millis(10_000, 10_000),
        ..Knobs::default()
    };
    let server = start(knobs).await;
    let outcome = gateway(GatewayKind::Json, &server, None)
        .submit(&message(1), any_time(), Duration::from_millis(200))
        .await;
    assert_eq!(outcome, Outcome::Unknown);
    assert_eq!(server.inbox().count(), 1);
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_hanging_request() {
    let server = start(Knobs::default().with(Fault::Hang, 1.0)).await;
    let inbox = server.inbox();
    let gateway = gateway(GatewayKind::Json, &server, None);
    let submitting =
        tokio::spawn(async move { gateway.submit(&message(1), any_time(), PATIENT).await });
    assert!(inbox.wait_for(1, PATIENT).await);
    let started = Instant::now();
    server.stop().await;
    assert_eq!(submitting.await.unwrap(), Outcome::Unknown);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn probing_the_sandbox_sends_nothing() {
    let server = start(Knobs::default()).await;
    for kind in GatewayKind::ALL {
        let said = gateway(*kind, &server, None).probe(PATIENT).await;
        assert!(said.unwrap().contains("answers"));
    }
    assert_eq!(server.counters().arrived(), 0);
}
