//! Nothing was sent while there was nobody to send it to.

use std::time::{Duration, Instant};

use super::fake::{Act, Fake};
use super::other_side::black_hole;
use super::support::{gateway, message, submit};
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::outcome::{Fault, Outcome};

const PATIENT: Duration = Duration::from_secs(20);
const CHANNEL: Outcome = Outcome::NotSent(Fault::Channel { retry_after: None });

#[tokio::test]
async fn a_deadline_while_connecting_is_not_sent() {
    let (url, _listener, _held) = black_hole().await;
    let gateway = gateway(GatewayKind::Json, &Settings::new("fake", &url));
    let started = Instant::now();
    let soon = Duration::from_millis(100);
    let outcome = submit(&*gateway, &message(0), soon).await;
    assert_eq!(outcome, CHANNEL);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_connection_closed_at_once_is_never_taken_for_sent() {
    for kind in GatewayKind::ALL {
        let fake = Fake::start(vec![Act::CloseUnread]).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        for position in 0..20 {
            let outcome = submit(&*gateway, &message(position), PATIENT).await;
            assert!(
                outcome == CHANNEL || outcome == Outcome::Unknown,
                "{kind:?}: {outcome:?}"
            );
        }
        assert!(fake.requests().is_empty());
    }
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    use std::sync::Arc;

    use super::support::StandingClock;
    use crate::adapters::sms::kannel::KannelGateway;

    for url in ["", "sms.example", "ftp://sms.example/", "http://"] {
        let error = KannelGateway::new(&Settings::new("primary", url), Arc::new(StandingClock))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("primary") && error.contains("url must be"),
            "{error}"
        );
    }
}
