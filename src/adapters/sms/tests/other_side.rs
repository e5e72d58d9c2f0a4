//! Who is at the other end, and what one message comes to there.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::fake::{Act, Fake, reply};
use super::support::{gateway, good_body, message, submit};
use crate::adapters::sms::{GatewayKind, Settings};
use crate::domain::outcome::{Fault, Outcome};

const PATIENT: Duration = Duration::from_secs(20);
const IMPATIENT: Duration = Duration::from_millis(400);

/// Who is at the other end.
pub(super) enum Other {
    /// Nobody.
    Nobody,
    /// A name that no server knows.
    NoName,
    /// Somebody who neither takes nor refuses connections.
    BlackHole,
    /// A certificate that nobody vouches for.
    Stranger,
    /// TLS is expected, and this happens.
    Tls(Act),
    /// This happens once; from then on all is well.
    Does(Act),
    /// The same, and the deadline ends it.
    Waits(Act),
}

/// One letter and what `Retry-After` asks for, in seconds.
fn letter(outcome: &Outcome) -> String {
    let (letter, wait) = match outcome {
        Outcome::Accepted { .. } => ('A', None),
        Outcome::Unknown => ('U', None),
        Outcome::NotSent(Fault::Channel { retry_after }) => ('C', *retry_after),
        Outcome::NotSent(Fault::Transient { retry_after }) => ('T', *retry_after),
        Outcome::NotSent(Fault::Permanent { .. }) => ('R', None),
        Outcome::NotSent(Fault::Late) => ('L', None),
    };
    let wait = wait.map_or_else(String::new, |wait| wait.as_secs().to_string());
    format!("{letter}{wait}")
}

/// An address that takes no connection and refuses none: its queue is full.
pub(super) async fn black_hole() -> (String, TcpListener, Vec<TcpStream>) {
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

/// A server whose certificate it made itself.
async fn stranger() -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/sms", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _peer) = listener.accept().await.unwrap();
        let _nobody_trusts_it = acceptor.accept(stream).await;
    });
    url
}

/// What a message comes to, and whether the next one goes over the same connection (`=`) or another
/// one (`/`); `.` where it cannot go at all.
pub(super) async fn met(kind: GatewayKind, other: Other) -> String {
    let nowhere = async |url: String| {
        let mut settings = Settings::new("fake", url);
        settings.connect_timeout = IMPATIENT;
        let outcome = submit(&*gateway(kind, &settings), &message(0), PATIENT).await;
        format!("{}.", letter(&outcome))
    };
    let (act, deadline) = match other {
        Other::Nobody => return nowhere("http://127.0.0.1:1/sms".to_owned()).await,
        Other::NoName => return nowhere("http://no-such-host.invalid/sms".to_owned()).await,
        Other::BlackHole => {
            let (url, _listener, _held) = black_hole().await;
            return nowhere(url).await;
        }
        Other::Stranger => return nowhere(stranger().await).await,
        Other::Tls(act) => {
            let fake = Fake::start(vec![act]).await;
            let met = nowhere(format!("https://{}/sms", fake.address)).await;
            assert!(fake.requests().is_empty(), "sent without TLS");
            return met;
        }
        Other::Does(act) => (act, PATIENT),
        Other::Waits(act) => (act, IMPATIENT),
    };
    let good = Act::Write(reply(200, "", good_body(kind)));
    let fake = Fake::start(vec![act, good]).await;
    let gateway = gateway(kind, &Settings::new("fake", fake.url()));
    let outcome = letter(&submit(&*gateway, &message(0), deadline).await);
    assert!(fake.requests().len() <= 1, "sent twice");
    // One thread: after so many turns our side has put the connection back, or away.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let before = fake.connections();
    let next = letter(&submit(&*gateway, &message(1), PATIENT).await);
    if next != "A" {
        return format!("{outcome}, and {next} for the next message");
    }
    let same = fake.connections() == before;
    format!("{outcome}{}", if same { '=' } else { '/' })
}
