//! The adapters against the sandbox.

use std::sync::Arc;
use std::time::Duration;

use budstikke::adapters::sms::Settings;
use budstikke::adapters::sms::json::{JsonGateway, JsonSettings};
use budstikke::adapters::sms::kannel::KannelGateway;
use budstikke::adapters::sms::wire::GatewayKind;
use budstikke::adapters::smtp::{RelaySettings, SmtpRelay};
use budstikke::app::build;
use budstikke::pipeline::deps::Routes;
use budstikke::ports::gateway::Gateway;
use budstikke::sandbox::mail::{Act, At, MailServer, Rule, Script};
use budstikke::sandbox::sms::{Knobs, SmsServer, Span};

use crate::bound::{Log, assert_bound};
use crate::fleet::{Fleet, route, until};

/// Of a bit more than two parts.
const LONG: &str = "Vannet stenges i kveld. Vannet stenges i kveld. Vannet stenges i kveld. \
    Vannet stenges i kveld. Vannet stenges i kveld. Vannet stenges i kveld. Vannet stenges i \
    kveld. Vannet stenges i kveld. Vannet stenges i kveld. Vannet stenges i kveld. Vannet \
    stenges i kveld. Vannet stenges i kveld. Vannet stenges i kveld. Vannet stenges i kveld.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sms_of_any_length_leave_at_the_rate_counted_in_parts() {
    let log = Log::listen();
    for kind in [GatewayKind::Json, GatewayKind::Kannel] {
        let knobs = Knobs {
            latency: Span::millis(5, 60),
            ..Knobs::default()
        };
        let server = SmsServer::start(knobs).await.unwrap();
        let settings = Settings::new("primary", server.url(kind));
        let gateway = || -> Arc<dyn Gateway> {
            match kind {
                GatewayKind::Json => {
                    let json = JsonSettings::default();
                    Arc::new(JsonGateway::new(&settings, json, build::clock()).unwrap())
                }
                GatewayKind::Kannel => {
                    Arc::new(KannelGateway::new(&settings, build::clock()).unwrap())
                }
            }
        };
        let name = kind.as_str();
        let fleet = Fleet::start(3, |_| Routes {
            sms: vec![route(name, gateway(), 100.0, 1)],
            email: Vec::new(),
        })
        .await;
        fleet.submit("sms", 0, 120, "Brøyting i kveld").await;
        fleet.submit("sms", 1_000, 40, LONG).await;
        until("everything is sent", || server.inbox().count() >= 160).await;
        fleet.stop().await;
        let passed = log.passed(name);
        assert_eq!(passed.len(), server.inbox().count() as usize);
        let most = passed.iter().map(|one| one.parts).max().unwrap();
        assert_eq!(most, 3);
        assert_bound(&passed, 100.0, most as f64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_leaves_at_the_rate_whatever_the_dialogue_takes() {
    let log = Log::listen();
    let mut script = Script::default();
    for at in [At::MailFrom, At::RcptTo, At::Data, At::Dot] {
        script = script.with(Rule::new(at, Act::Delay(Duration::from_millis(10))));
    }
    let server = MailServer::start(script).await.unwrap();
    let relay = || -> Arc<dyn Gateway> {
        let settings = RelaySettings {
            pipelining: false,
            ..RelaySettings::new("relay", server.url())
        };
        Arc::new(SmtpRelay::new(settings).unwrap())
    };
    let fleet = Fleet::start(1, |_| Routes {
        sms: Vec::new(),
        email: vec![route("relay", relay(), 200.0, 1)],
    })
    .await;
    fleet.submit("email", 0, 300, "Brøyting i kveld").await;
    until("everything is sent", || server.mailbox().count() >= 300).await;
    fleet.stop().await;
    let passed = log.passed("relay");
    assert_bound(&passed, 200.0, 1.0);
    assert_eq!(server.mailbox().count(), 300);
}
