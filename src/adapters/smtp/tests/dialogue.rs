use std::time::Duration;

use tokio::time::Instant;

use super::support::{AMPLE, any_time, hello, recipient, relay, server, settings};
use crate::adapters::smtp::{Credentials, Recycle, RelaySettings};
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::ports::gateway::Gateway;
use crate::sandbox::mail::{Act, At, Rule, Script};

const CHANNEL: Outcome = Outcome::NotSent(Fault::Channel { retry_after: None });
const TRANSIENT: Outcome = Outcome::NotSent(Fault::Transient { retry_after: None });
const BUSY: Outcome = Outcome::NotSent(Fault::Transient {
    retry_after: Some(Duration::from_secs(2)),
});
const INVALID: Outcome = Outcome::NotSent(Fault::Permanent {
    reason: Reason::InvalidAddress,
});
const REFUSED: Outcome = Outcome::NotSent(Fault::Permanent {
    reason: Reason::RefusedByGateway,
});

fn script(pipelining: bool) -> Script {
    Script {
        pipelining,
        ..Script::default()
    }
    .with_login("budstikke", "hemmelig")
}

fn logged_in(settings: RelaySettings) -> RelaySettings {
    RelaySettings {
        credentials: Some(Credentials {
            user: "budstikke".to_owned(),
            password: "hemmelig".to_owned(),
        }),
        ..settings
    }
}

/// One message meets `rule`, and a second one, on the same relay, a server that behaves.
async fn meets(rule: Rule, pipelining: bool, expected: Outcome) {
    let shown = format!("{rule:?}, pipelining {pipelining}");
    let server = server(script(pipelining).with(rule)).await;
    let relay = relay(logged_in(settings(&server)));
    let outcome = relay.submit(&hello(1), any_time(), AMPLE).await;
    assert_eq!(outcome, expected, "{shown}");
    server.set_script(script(pipelining));
    let outcome = relay.submit(&hello(2), any_time(), AMPLE).await;
    assert!(
        matches!(outcome, Outcome::Accepted { .. }),
        "after {shown}: {outcome:?}"
    );
    let mailbox = server.mailbox();
    assert_eq!(mailbox.find(&recipient(2)).len(), 1, "after {shown}");
    if expected != Outcome::Unknown {
        assert!(mailbox.find(&recipient(1)).is_empty(), "{shown}");
    }
}

/// Taken, and nobody told us: the one case that the table of `misbehaviour` cannot tell apart.
#[tokio::test]
async fn a_message_that_was_taken_without_a_word_is_unknown_too() {
    for act in [Act::Close, Act::Half, Act::Stall, Act::Garbage] {
        let rule = Rule::new(At::Dot, act).but_taken();
        meets(rule, true, Outcome::Unknown).await;
    }
}

#[tokio::test]
async fn a_refusal_means_what_its_stage_and_code_say() {
    for pipelining in [true, false] {
        for (at, line, expected) in [
            (At::Banner, "554 5.3.2 not here", CHANNEL),
            (At::Banner, "421 4.3.2 busy", CHANNEL),
            (At::Ehlo, "550 5.7.1 who are you", CHANNEL),
            (At::Auth, "535 5.7.8 wrong password", CHANNEL),
            (At::Auth, "454 4.7.0 later", CHANNEL),
            (At::MailFrom, "550 5.7.1 not your sender", CHANNEL),
            (At::MailFrom, "451 4.3.0 later", CHANNEL),
            (At::RcptTo, "550 5.1.1 no such user", INVALID),
            (At::RcptTo, "550 5.7.1 no", REFUSED),
            (At::RcptTo, "450 4.2.0 greylisted", TRANSIENT),
            (At::RcptTo, "552 5.5.3 too many", TRANSIENT),
            (At::RcptTo, "452 4.5.3 too many", TRANSIENT),
            (At::RcptTo, "421 4.7.0 too many errors", CHANNEL),
            (At::Data, "421 4.3.2 going down", CHANNEL),
            (At::RcptTo, "451 4.3.0 later", BUSY),
            (At::RcptTo, "454 4.7.1 relay access denied", CHANNEL),
            (At::MailFrom, "454 4.7.0 later", CHANNEL),
            (At::Data, "451 4.3.0 later", BUSY),
            (At::Data, "454 4.3.0 later", CHANNEL),
            (At::Data, "554 5.7.1 no", REFUSED),
            (At::Dot, "421 4.3.2 going down", CHANNEL),
            (At::Dot, "451 4.3.0 later", BUSY),
            (At::Dot, "454 4.3.0 later", CHANNEL),
            (At::Dot, "554 5.7.1 spam", REFUSED),
            (At::Dot, "354 what", Outcome::Unknown),
        ] {
            meets(Rule::say(at, line), pipelining, expected).await;
        }
    }
}

#[tokio::test]
async fn a_late_answer_counts_as_long_as_it_is_in_time() {
    let late = Act::Delay(Duration::from_millis(50));
    let mut slow = script(true);
    for at in At::ALL {
        slow = slow.with(Rule::new(at, late.clone()));
    }
    let server = server(slow).await;
    let relay = relay(logged_in(settings(&server)));
    assert!(matches!(
        relay.submit(&hello(1), any_time(), AMPLE).await,
        Outcome::Accepted { .. }
    ));
    assert_eq!(server.thrown(At::Dot), 1);
}

#[tokio::test]
async fn the_deadline_ends_every_stage_and_nothing_is_sent_after_it() {
    let deadline = Duration::from_millis(200);
    for (at, expected) in [
        (At::Banner, CHANNEL),
        (At::MailFrom, TRANSIENT),
        (At::Data, TRANSIENT),
        (At::Dot, Outcome::Unknown),
    ] {
        let server = server(script(true).with(Rule::new(at, Act::Stall))).await;
        let patient = RelaySettings {
            timeouts: Default::default(),
            ..logged_in(settings(&server))
        };
        let relay = relay(patient);
        let begun = Instant::now();
        assert_eq!(
            relay.submit(&hello(1), any_time(), deadline).await,
            expected,
            "{at:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "{at:?}");
        assert_eq!(server.mailbox().count(), 0);
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let server = server(Script::default()).await;
    let relay = relay(settings(&server));
    assert!(matches!(
        relay.submit(&hello(1), any_time(), AMPLE).await,
        Outcome::Accepted { .. }
    ));
    assert!(matches!(
        relay.submit(&hello(2), any_time(), Duration::ZERO).await,
        Outcome::NotSent(_)
    ));
    assert_eq!(server.mailbox().count(), 1);
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_the_channels_fault() {
    let gone = server(Script::default()).await;
    let settings = settings(&gone);
    drop(gone);
    let relay_gone = relay(settings.clone());
    // The port is free once the server's task has ended.
    let until = Instant::now() + AMPLE;
    while relay_gone.submit(&hello(1), any_time(), AMPLE).await != CHANNEL {
        assert!(Instant::now() < until, "the server still answers");
    }
    let nowhere = RelaySettings {
        url: "smtp://nowhere.invalid:2525".to_owned(),
        ..settings
    };
    assert_eq!(
        relay(nowhere).submit(&hello(1), any_time(), AMPLE).await,
        CHANNEL
    );
}

#[tokio::test]
async fn a_greylisted_recipient_is_accepted_when_tried_again() {
    let server = server(Script::default().with(Rule::greylist(Duration::from_millis(20)))).await;
    let relay = relay(RelaySettings {
        recycle: Recycle {
            refusals: u32::MAX,
            ..Recycle::default()
        },
        ..settings(&server)
    });
    assert_eq!(relay.submit(&hello(1), any_time(), AMPLE).await, TRANSIENT);
    let until = Instant::now() + AMPLE;
    while !matches!(
        relay.submit(&hello(1), any_time(), AMPLE).await,
        Outcome::Accepted { .. }
    ) {
        assert!(Instant::now() < until, "never accepted");
    }
    assert_eq!(server.mailbox().count(), 1);
    assert_eq!(
        server.connections().total,
        1,
        "a refusal keeps the connection"
    );
}

#[tokio::test]
async fn a_refused_recipient_does_not_disturb_the_next_one() {
    for pipelining in [true, false] {
        let unknown = Rule::unknown_user(|to| to.starts_with("r1"));
        let server = server(script(pipelining).with(unknown)).await;
        let relay = relay(logged_in(settings(&server)));
        for position in 0..4 {
            let outcome = relay.submit(&hello(position), any_time(), AMPLE).await;
            assert_eq!(outcome == INVALID, position == 1, "{position}: {outcome:?}");
        }
        assert_eq!(server.connections().total, 1);
        assert_eq!(server.mailbox().count(), 3);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced_before_use() {
    let server = server(Script::default()).await;
    let relay = relay(settings(&server));
    for position in 0..3 {
        let outcome = relay.submit(&hello(position), any_time(), AMPLE).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        server.hang_up();
        let until = Instant::now() + AMPLE;
        while server.connections().open > 0 {
            assert!(Instant::now() < until, "still open");
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(server.connections().total, 3);
}

#[tokio::test]
async fn a_connection_is_given_up_when_worn_out() {
    let no_limit = Recycle::default();
    for (recycle, total) in [
        (no_limit, 1),
        (
            Recycle {
                messages: 2,
                ..no_limit
            },
            2,
        ),
        (
            Recycle {
                age: Duration::ZERO,
                ..no_limit
            },
            4,
        ),
        (
            Recycle {
                idle: Duration::ZERO,
                ..no_limit
            },
            4,
        ),
    ] {
        let server = server(Script::default()).await;
        let relay = relay(RelaySettings {
            recycle,
            ..settings(&server)
        });
        for position in 0..4 {
            let outcome = relay.submit(&hello(position), any_time(), AMPLE).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
        assert_eq!(server.connections().total, total, "{recycle:?}");
        assert_eq!(server.mailbox().count(), 4, "{recycle:?}");
    }
}

#[tokio::test]
async fn a_relay_that_never_says_goodbye_holds_nobody_up_for_long() {
    for act in [Act::Close, Act::Stall, Act::Garbage, Act::Half] {
        let server = server(Script::default().with(Rule::new(At::Quit, act.clone()))).await;
        let relay = relay(RelaySettings {
            recycle: Recycle {
                messages: 1,
                ..Recycle::default()
            },
            ..settings(&server)
        });
        for position in 0..2 {
            let outcome = relay.submit(&hello(position), any_time(), AMPLE).await;
            assert!(
                matches!(outcome, Outcome::Accepted { .. }),
                "{act:?}: {outcome:?}"
            );
        }
        assert_eq!(server.connections().total, 2, "{act:?}");
    }
}

#[tokio::test]
async fn a_probe_logs_in_and_sends_nothing_and_says_what_is_wrong() {
    let server = server(script(true)).await;
    let relay_in = relay(logged_in(settings(&server)));
    let said = relay_in.probe(AMPLE).await.expect("let in");
    assert!(
        said.contains("logged in") && said.contains("pipelining"),
        "{said}"
    );
    let mut wrong = logged_in(settings(&server));
    if let Some(credentials) = &mut wrong.credentials {
        credentials.password = "feil".to_owned();
    }
    let shown = format!("{wrong:?}");
    assert!(!shown.contains("feil"), "{shown}");
    let said = relay(wrong).probe(AMPLE).await.expect_err("refused");
    assert!(
        said.contains("AUTH") && said.contains("535") && !said.contains("feil"),
        "{said}"
    );
    server.set_script(script(true).with(Rule::new(At::Banner, Act::Garbage)));
    let said = relay(settings(&server))
        .probe(AMPLE)
        .await
        .expect_err("no SMTP");
    assert!(said.contains("does not speak SMTP"), "{said}");
    assert_eq!(server.mailbox().count(), 0);
}

#[tokio::test]
async fn a_log_in_works_with_either_mechanism_and_is_missed_when_not_offered() {
    for (mechanisms, lets_in) in [("PLAIN", true), ("LOGIN", true), ("CRAM-MD5", false)] {
        let server = server(Script {
            mechanisms,
            ..script(true)
        })
        .await;
        let outcome = relay(logged_in(settings(&server)))
            .submit(&hello(1), any_time(), AMPLE)
            .await;
        let accepted = matches!(outcome, Outcome::Accepted { .. });
        assert_eq!(accepted, lets_in, "{mechanisms}: {outcome:?}");
        assert!(accepted || outcome == CHANNEL, "{mechanisms}: {outcome:?}");
    }
}
