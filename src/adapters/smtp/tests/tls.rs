use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::support::{AMPLE, any_time, hello, relay, server, settings};
use crate::adapters::smtp::{RelayError, RelaySettings};
use crate::domain::outcome::{Fault, Outcome};
use crate::ports::gateway::Gateway;
use crate::sandbox::mail::{Act, At, MailServer, Rule, Script};

const CHANNEL: Outcome = Outcome::NotSent(Fault::Channel { retry_after: None });

fn certificate() -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let der = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .expect("a pair");
    (Arc::new(config), der)
}

fn with_url(server: &MailServer, url: &str, roots: &[CertificateDer<'static>]) -> RelaySettings {
    RelaySettings {
        url: url.replace("HOST", &server.address().to_string()),
        extra_roots: roots.to_vec(),
        ..settings(server)
    }
}

#[tokio::test]
async fn an_encrypted_line_is_used_when_its_certificate_is_trusted_and_only_then() {
    let (config, der) = certificate();
    let starttls = Script {
        starttls: Some(Arc::clone(&config)),
        ..Script::default()
    };
    let smtps = Script {
        tls: Some(config),
        ..Script::default()
    };
    for (script, url) in [
        (starttls.clone(), "smtp://HOST"),
        (starttls.clone(), "smtp://HOST?tls=required"),
        (smtps, "smtps://HOST"),
    ] {
        let server = server(script).await;
        let trusting = relay(with_url(&server, url, std::slice::from_ref(&der)));
        let said = trusting.probe(AMPLE).await.expect(url);
        assert!(said.contains("(TLS"), "{url}: {said}");
        for position in 0..20 {
            let outcome = trusting.submit(&hello(position), any_time(), AMPLE).await;
            assert!(
                matches!(outcome, Outcome::Accepted { .. }),
                "{url}: {outcome:?}"
            );
        }
        assert_eq!(
            server.connections().total,
            2,
            "{url}: one probe, one for all messages"
        );
        let (_, stranger) = certificate();
        let wary = relay(with_url(&server, url, &[stranger]));
        assert_eq!(
            wary.submit(&hello(99), any_time(), AMPLE).await,
            CHANNEL,
            "{url}"
        );
        assert_eq!(server.mailbox().count(), 20, "{url}");
    }
    let server = server(starttls).await;
    let open = relay(with_url(&server, "smtp://HOST?tls=off", &[]));
    assert!(open.probe(AMPLE).await.expect("let in").contains("no TLS"));
}

#[tokio::test]
async fn a_line_that_must_be_encrypted_is_not_used_open() {
    let (config, der) = certificate();
    let plain = server(Script::default()).await;
    let relay_plain = relay(with_url(
        &plain,
        "smtp://HOST?tls=required",
        std::slice::from_ref(&der),
    ));
    assert_eq!(
        relay_plain.submit(&hello(1), any_time(), AMPLE).await,
        CHANNEL
    );
    assert_eq!(plain.mailbox().count(), 0);
    for rule in [
        Rule::say(At::StartTls, "454 4.7.0 TLS not available"),
        Rule::say(At::StartTls, "220 go\r\n250 injected"),
        Rule::new(At::StartTls, Act::Close),
        Rule::new(At::StartTls, Act::Garbage),
        Rule::new(At::StartTls, Act::Stall),
    ] {
        let shown = format!("{rule:?}");
        let server = server(
            Script {
                starttls: Some(Arc::clone(&config)),
                ..Script::default()
            }
            .with(rule),
        )
        .await;
        let relay = relay(with_url(
            &server,
            "smtp://HOST?tls=required",
            std::slice::from_ref(&der),
        ));
        assert_eq!(
            relay.submit(&hello(1), any_time(), AMPLE).await,
            CHANNEL,
            "{shown}"
        );
        assert_eq!(server.mailbox().count(), 0, "{shown}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_advice() {
    let good = RelaySettings::new("relay", "smtp://127.0.0.1:25");
    let no_connections = RelaySettings {
        connections: 0,
        ..good.clone()
    };
    assert!(matches!(
        crate::adapters::smtp::SmtpRelay::new(no_connections),
        Err(RelayError::Connections { .. })
    ));
    let bad_hello = RelaySettings {
        hello: Some("a\r\nMAIL".to_owned()),
        ..good.clone()
    };
    assert!(matches!(
        crate::adapters::smtp::SmtpRelay::new(bad_hello),
        Err(RelayError::Hello { .. })
    ));
    let bad_url = RelaySettings {
        url: "mail".to_owned(),
        ..good
    };
    let text = crate::adapters::smtp::SmtpRelay::new(bad_url)
        .expect_err("no URL")
        .to_string();
    assert!(
        text.contains("relay") && text.contains("smtp://mail.example.no"),
        "{text}"
    );
}
