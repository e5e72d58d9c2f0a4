//! The race of every HTTP client: the gateway closes an idle connection just as we write on it.

use std::collections::HashMap;
use std::time::Duration;

use super::fake::{Act, Fake, reply};
use super::support::{gateway, good_body, message, submit};
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::outcome::Outcome;

const PATIENT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn one_connection_serves_many_messages() {
    for kind in GatewayKind::ALL {
        let fake = Fake::start(vec![Act::Write(reply(200, "", good_body(*kind)))]).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        for position in 0..50 {
            let outcome = submit(&*gateway, &message(position), PATIENT).await;
            assert_eq!(outcome.as_str(), "accepted", "{kind:?}");
        }
        assert_eq!(fake.requests().len(), 50, "{kind:?}");
    }
}

#[tokio::test]
async fn a_connection_that_dies_under_a_request_leaves_it_unknown() {
    for kind in GatewayKind::ALL {
        let good = reply(200, "", good_body(*kind));
        let acts = vec![Act::Write(good), Act::ResetAtFirstByte];
        let fake = Fake::start(acts).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        assert_eq!(
            submit(&*gateway, &message(0), PATIENT).await.as_str(),
            "accepted"
        );
        assert_eq!(
            submit(&*gateway, &message(1), PATIENT).await,
            Outcome::Unknown,
            "{kind:?}"
        );
        assert_eq!(
            fake.requests().len(),
            1,
            "{kind:?}: not tried again behind our back"
        );
    }
}

/// Waits until both sides have seen the close.
async fn closed(fake: &Fake) {
    while fake.open() > 0 {
        tokio::task::yield_now().await;
    }
    // One thread: after so many turns our side has seen it, too.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced() {
    for kind in GatewayKind::ALL {
        let good = reply(200, "", good_body(*kind));
        let fake = Fake::start(vec![Act::WriteAndClose(good)]).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        for position in 0..20 {
            let outcome = submit(&*gateway, &message(position), PATIENT).await;
            assert_eq!(outcome.as_str(), "accepted", "{kind:?} {position}");
            closed(&fake).await;
        }
    }
}

#[tokio::test]
async fn a_gateway_that_closes_after_each_answer_is_given_the_time_to_connect() {
    for kind in GatewayKind::ALL {
        let good = reply(200, "", good_body(*kind));
        let mut acts = vec![Act::Write(good.clone())];
        acts.extend(vec![Act::WriteAndClose(good.clone()); 9]);
        acts.push(Act::WriteLater(Duration::from_millis(300), good));
        let fake = Fake::start(acts).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        submit(&*gateway, &message(0), PATIENT).await;
        let open = gateway.lead();
        for position in 1..10 {
            submit(&*gateway, &message(position), PATIENT).await;
            closed(&fake).await;
        }
        let last = message(10);
        let last = submit(&*gateway, &last, PATIENT);
        let while_open = async {
            while fake.open() == 0 {
                tokio::task::yield_now().await;
            }
            gateway.lead()
        };
        let (_, lead) = tokio::join!(last, while_open);
        assert!(lead > open, "{kind:?}: {lead:?}");
    }
}

/// The gateway closes at every distance from "with the answer" to "well after it", while we write as
/// fast as we can. Whatever it read whole is never called not sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_read_is_never_called_not_sent() {
    for kind in GatewayKind::ALL {
        let good = reply(200, "", good_body(*kind));
        let acts = (0..600)
            .map(|step| {
                Act::WriteAndCloseLater(good.clone(), Duration::from_micros(step % 60 * 10))
            })
            .collect();
        let fake = Fake::start(acts).await;
        let mut settings = Settings::new("fake", fake.url());
        settings.report_url = Some("http://127.0.0.1:1/v1/receipts/fake".into());
        let gateway = gateway(*kind, &settings);
        let mut outcomes = Vec::new();
        for position in 0..600 {
            let message = message(position);
            let outcome = submit(&*gateway, &message, PATIENT).await;
            outcomes.push((message.delivery.client_reference(), outcome));
        }
        let mut read = HashMap::new();
        for request in fake.requests() {
            *read.entry(reference(&request, *kind)).or_insert(0) += 1;
        }
        for (reference, outcome) in &outcomes {
            let read = read.get(reference).copied().unwrap_or(0);
            assert!(read <= 1, "{kind:?} {reference}: sent twice");
            match outcome.as_str() {
                "accepted" => assert_eq!(read, 1, "{kind:?} {reference}"),
                "unknown" => {}
                other => assert_eq!(read, 0, "{kind:?} {reference}: {other} but read"),
            }
        }
        let accepted = outcomes
            .iter()
            .filter(|(_, outcome)| outcome.as_str() == "accepted")
            .count();
        assert!(accepted > 300, "{kind:?}: only {accepted} of 600 accepted");
    }
}

/// Our reference in a request; Kannel gets it in the address for reports.
fn reference(request: &str, kind: GatewayKind) -> String {
    let mark = match kind {
        GatewayKind::Json => "\"reference\":\"",
        GatewayKind::Kannel => "ref%3D",
    };
    let rest = request.split_once(mark).unwrap().1;
    rest.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}
