//! What one worker is told slows all of them, within one claim.

use std::sync::Arc;
use std::time::Duration;

use budstikke::adapters::sms::Settings;
use budstikke::adapters::sms::json::{JsonGateway, JsonSettings};
use budstikke::adapters::sms::wire::GatewayKind;
use budstikke::adapters::smtp::{RelaySettings, SmtpRelay};
use budstikke::app::build;
use budstikke::pipeline::deps::Routes;
use budstikke::sandbox::mail::{At, MailServer, Rule, Script};
use budstikke::sandbox::sms::{Fault, Knobs, SmsServer};

use crate::bound::{Log, Passed, assert_bound};
use crate::fleet::{Fleet, route, until};

/// What was granted before the pause may still go: slots reach 250 ms ahead, after the time that the
/// dialogue takes, and 50 ms late. The rest is for a busy machine.
const GRANTED: Duration = Duration::from_millis(900);

/// The longest time without a message.
fn silence(passed: &[Passed]) -> Duration {
    let gaps = passed.windows(2).map(|two| two[1].at_us - two[0].at_us);
    Duration::from_micros(gaps.max().unwrap_or_default())
}

/// Three workers send mail; the relay says `line` once at `at`.
async fn mail_meets(at: At, line: &'static str, pause: Duration) {
    let log = Log::listen();
    let rule = Rule::say(at, line).after(20).times(1);
    let server = MailServer::start(Script::default().with(rule))
        .await
        .unwrap();
    let name = format!("{at:?} {line}");
    let fleet = Fleet::start(3, |_| {
        let relay = SmtpRelay::new(RelaySettings::new(name.as_str(), server.url()));
        Routes {
            sms: Vec::new(),
            email: vec![route(&name, Arc::new(relay.unwrap()), 100.0, 1)],
        }
    })
    .await;
    fleet.submit("email", 0, 100, "Brøyting i kveld").await;
    until("all but the refused one", || server.mailbox().count() >= 99).await;
    let passed = log.passed(&name);
    assert_bound(&passed, 100.0, 1.0);
    let silence = silence(&passed);
    assert!(
        silence + GRANTED >= pause,
        "{name}: {silence:?} of {pause:?}"
    );
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_says_about_itself_at_any_stage_slows_the_fleet() {
    let (short, long) = (Duration::from_secs(2), Duration::from_secs(5));
    tokio::join!(
        mail_meets(At::MailFrom, "421 4.3.2 going down", long),
        mail_meets(At::Data, "454 4.3.0 later", long),
        mail_meets(At::Dot, "421 4.3.2 going down", long),
    );
    tokio::join!(
        mail_meets(At::RcptTo, "451 4.3.0 later", short),
        mail_meets(At::Data, "451 4.3.0 later", short),
        mail_meets(At::Dot, "451 4.3.0 later", short),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_asked_too_often_is_left_alone_as_long_as_it_says() {
    let log = Log::listen();
    let knobs = Knobs {
        retry_after: Duration::from_secs(2),
        ..Knobs::default()
    };
    let server = SmsServer::start(knobs.clone()).await.unwrap();
    let fleet = Fleet::start(3, |_| {
        let settings = Settings::new("busy", server.url(GatewayKind::Json));
        let json = JsonGateway::new(&settings, JsonSettings::default(), build::clock());
        Routes {
            sms: vec![route("busy", Arc::new(json.unwrap()), 100.0, 1)],
            email: Vec::new(),
        }
    })
    .await;
    fleet.submit("sms", 0, 200, "Brøyting i kveld").await;
    until("some are sent", || server.inbox().count() >= 40).await;
    server.set(knobs.clone().with(Fault::TooMany429, 1.0));
    until("one is refused", || {
        server.counters().thrown(Fault::TooMany429) > 0
    })
    .await;
    server.set(knobs);
    until("all are sent", || server.inbox().count() >= 200).await;
    let passed = log.passed("busy");
    assert_bound(&passed, 100.0, 1.0);
    let silence = silence(&passed);
    assert!(silence + GRANTED >= Duration::from_secs(2), "{silence:?}");
    fleet.stop().await;
}
