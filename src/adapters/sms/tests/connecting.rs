//! Nothing was sent while there was nobody to send it to.

use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::fake::{Act, Fake};
use super::support::{any_time, gateway, message};
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::outcome::{Fault, Outcome};

const PATIENT: Duration = Duration::from_secs(20);
const CHANNEL: Outcome = Outcome::NotSent(Fault::Channel { retry_after: None });

/// An address that takes no connection and refuses none: its queue is full.
async fn black_hole() -> (String, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        held.push(stream);
    }
    (format!("http://{address}/sms"), listener, held)
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    for kind in GatewayKind::ALL {
        for url in ["http://127.0.0.1:1/sms", "http://no-such-host.invalid/sms"] {
            let outcome = gateway(*kind, &Settings::new("fake", url))
                .submit(&message(0), any_time(), PATIENT)
                .await;
            assert_eq!(outcome, CHANNEL, "{kind:?} {url}");
        }
    }
}

#[tokio::test]
async fn connecting_too_long_is_not_sent() {
    let (url, _listener, _held) = black_hole().await;
    for kind in GatewayKind::ALL {
        let mut settings = Settings::new("fake", &url);
        settings.connect_timeout = Duration::from_millis(100);
        let started = Instant::now();
        let outcome = gateway(*kind, &settings)
            .submit(&message(0), any_time(), PATIENT)
            .await;
        assert_eq!(outcome, CHANNEL, "{kind:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{kind:?}");
    }
}

#[tokio::test]
async fn a_deadline_while_connecting_is_not_sent() {
    let (url, _listener, _held) = black_hole().await;
    let gateway = gateway(GatewayKind::Json, &Settings::new("fake", &url));
    let started = Instant::now();
    let outcome = gateway
        .submit(&message(0), any_time(), Duration::from_millis(100))
        .await;
    assert_eq!(outcome, CHANNEL);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_tls_handshake_that_fails_is_not_sent() {
    for kind in GatewayKind::ALL {
        for act in [Act::CloseUnread, Act::ResetAtFirstByte] {
            let fake = Fake::start(vec![act]).await;
            let url = format!("https://{}/sms", fake.address);
            let outcome = gateway(*kind, &Settings::new("fake", url))
                .submit(&message(0), any_time(), PATIENT)
                .await;
            assert_eq!(outcome, CHANNEL, "{kind:?}");
        }
        let fake = Fake::start(vec![Act::Silence]).await;
        let mut settings = Settings::new("fake", format!("https://{}/sms", fake.address));
        settings.connect_timeout = Duration::from_millis(200);
        let outcome = gateway(*kind, &settings)
            .submit(&message(0), any_time(), PATIENT)
            .await;
        assert_eq!(outcome, CHANNEL, "{kind:?}: a handshake without an end");
    }
}

#[tokio::test]
async fn a_connection_closed_at_once_is_never_taken_for_sent() {
    for kind in GatewayKind::ALL {
        let fake = Fake::start(vec![Act::CloseUnread]).await;
        let gateway = gateway(*kind, &Settings::new("fake", fake.url()));
        for position in 0..20 {
            let outcome = gateway
                .submit(&message(position), any_time(), PATIENT)
                .await;
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
