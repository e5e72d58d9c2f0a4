use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::support::{PATIENT, any_time, gateway, message, start};
use crate::adapters::sms::wire::GatewayKind;
use crate::domain::outcome::Outcome;
use crate::ports::gateway::Gateway;
use crate::sandbox::sms::{Fault, Inbox, Knobs, Span};

/// Submits 2,000 messages, 64 at once.
async fn burst(
    gateway: Arc<dyn Gateway>,
    deadline: impl Fn(u16) -> Duration,
) -> Vec<(String, Outcome)> {
    let places = Arc::new(Semaphore::new(64));
    let mut tasks = JoinSet::new();
    for position in 0..2_000 {
        let gateway = Arc::clone(&gateway);
        let deadline = deadline(position);
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        tasks.spawn(async move {
            let message = message(position);
            let outcome = gateway.submit(&message, any_time(), deadline).await;
            drop(place);
            (message.delivery.client_reference(), outcome)
        });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_two_thousand_arrives_exactly_once() {
    for kind in GatewayKind::ALL {
        let server = start(Knobs::default()).await;
        let outcomes = burst(gateway(*kind, &server, None), |_| PATIENT).await;
        for (reference, outcome) in &outcomes {
            assert_eq!(outcome.as_str(), "accepted", "{kind:?} {reference}");
        }
        let inbox = server.inbox();
        assert_eq!(inbox.count(), 2_000, "{kind:?}");
        assert_eq!(inbox.references(), 2_000, "{kind:?}");
        assert_eq!(inbox.most_per_reference(), 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_burst_full_of_faults_every_outcome_is_true() {
    for kind in GatewayKind::ALL {
        let knobs = Knobs {
            latency: Span::millis(0, 5),
            ..Knobs::default()
        };
        let server = start(
            knobs
                .with(Fault::Error500, 0.05)
                .with(Fault::Unavailable503, 0.05)
                .with(Fault::TooMany429, 0.05)
                .with(Fault::Reset, 0.05)
                .with(Fault::BadGateway502, 0.05)
                .with(Fault::ErrorBody200, 0.05)
                .with(Fault::Hang, 0.005),
        )
        .await;
        let deadline = |_| Duration::from_secs(3);
        let outcomes = burst(gateway(*kind, &server, None), deadline).await;
        every_outcome_is_true(&outcomes, &server.inbox(), *kind);
        assert!(server.counters().thrown_in_all() > 400, "{kind:?}");
    }
}

/// From "before it is connected" to "after the answer": *not sent* is never a lie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_may_strike_at_any_moment() {
    for kind in GatewayKind::ALL {
        let server = start(Knobs::default()).await;
        let inbox = server.inbox();
        let deadline = |position: u16| Duration::from_micros(u64::from(position % 100) * 100);
        let outcomes = burst(gateway(*kind, &server, None), deadline).await;
        // What was still under way has arrived, or never will.
        server.stop().await;
        every_outcome_is_true(&outcomes, &inbox, *kind);
    }
}

fn every_outcome_is_true(outcomes: &[(String, Outcome)], inbox: &Inbox, kind: GatewayKind) {
    for (reference, outcome) in outcomes {
        let arrived = inbox.with_reference(reference).len();
        match outcome {
            Outcome::Accepted { .. } => assert_eq!(arrived, 1, "{kind:?} {reference}"),
            Outcome::NotSent(_) => assert_eq!(arrived, 0, "{kind:?} {reference}"),
            Outcome::Unknown => assert!(arrived <= 1, "{kind:?} {reference}"),
        }
    }
}
