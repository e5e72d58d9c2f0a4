//! What an answer means, given how far the dialogue had come. Pure.

use std::time::Duration;

use super::wire::Reply;
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;

/// How far a dialogue has come: what we are waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Name look-up and TCP.
    Connect,
    /// The banner, or TLS from the first byte.
    Greeting,
    /// EHLO.
    Ehlo,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    MailFrom,
    /// RCPT TO.
    RcptTo,
    /// DATA.
    Data,
    /// The message is being written; the final dot has not left.
    Body,
    /// The final dot may have left.
    AfterDot,
}

impl Stage {
    /// A word for logs and operators.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Body => "the body",
            Self::AfterDot => "the final dot",
        }
    }
}

/// What came at a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A complete reply.
    Reply(Reply),
    /// The connection ended before a complete reply.
    Closed,
    /// Nothing complete came in time.
    TimedOut,
    /// Something came that is not SMTP.
    Unreadable,
    /// No TCP connection.
    Unreachable,
    /// The name of the host could not be looked up.
    NoSuchHost,
    /// The TLS handshake failed, or would have to be skipped.
    TlsFailed,
    /// The relay does not offer what the settings demand.
    NotOffered,
    /// The slot of the rate was over; our own doing, and only before the final dot.
    Late,
}

/// What it means that `answer` came at `stage`.
///
/// Before MAIL FROM nothing is about the message, so everything is the channel's. Between MAIL FROM
/// and the dot a broken dialogue is certain not to have sent. After the dot only a complete reply
/// (2xx, 4xx, 5xx) says anything.
pub fn classify(stage: Stage, answer: &Answer) -> Outcome {
    match (stage, answer) {
        (Stage::AfterDot, Answer::Late) => Outcome::Unknown,
        (_before, Answer::Late) => Outcome::NotSent(Fault::Late),
        (
            Stage::Connect | Stage::Greeting | Stage::Ehlo | Stage::StartTls | Stage::Auth,
            _answer,
        ) => CHANNEL,
        (Stage::MailFrom, Answer::Reply(reply)) => at_sender(reply),
        (stage, Answer::Reply(reply)) if is_busy(stage, reply) => BUSY,
        (Stage::RcptTo | Stage::Data | Stage::Body, Answer::Reply(reply)) => at_message(reply),
        (Stage::AfterDot, Answer::Reply(reply)) => after_dot(reply),
        (
            Stage::MailFrom | Stage::RcptTo | Stage::Data | Stage::Body,
            Answer::Closed | Answer::TimedOut | Answer::Unreadable,
        ) => TRANSIENT,
        (Stage::AfterDot, Answer::Closed | Answer::TimedOut | Answer::Unreadable) => {
            Outcome::Unknown
        }
        // These belong to the stages before; should they ever come later, the line is at fault,
        // but past the dot nothing but a reply can be trusted.
        (
            Stage::MailFrom | Stage::RcptTo | Stage::Data | Stage::Body,
            Answer::Unreachable | Answer::NoSuchHost | Answer::TlsFailed | Answer::NotOffered,
        ) => CHANNEL,
        (
            Stage::AfterDot,
            Answer::Unreachable | Answer::NoSuchHost | Answer::TlsFailed | Answer::NotOffered,
        ) => Outcome::Unknown,
    }
}

const CHANNEL: Outcome = Outcome::NotSent(Fault::Channel { retry_after: None });
/// About the relay's host, but found out with this message, which may be the cause: it waits as after
/// a fault of its own, and the fleet holds back for a moment.
const BUSY: Outcome = Outcome::NotSent(Fault::Transient {
    retry_after: Some(Duration::from_secs(2)),
});
const TRANSIENT: Outcome = Outcome::NotSent(Fault::Transient { retry_after: None });

const fn permanent(reason: Reason) -> Outcome {
    Outcome::NotSent(Fault::Permanent { reason })
}

/// Whether the reply is about us: closing (421), log-in (RFC 4954) or our sender (RFC 3463).
fn about_us(reply: &Reply) -> bool {
    matches!(reply.code(), 421 | 454 | 530 | 534 | 535 | 538)
        || matches!(reply.enhanced(), Some((_, 1, 7 | 8)))
}

/// Whether the relay says that its host cannot work now: 451 or 452 about the system (RFC 3463,
/// X.3.X), or a plain 451 once the recipient was taken. At RCPT a plain one means greylisting.
fn is_busy(stage: Stage, reply: &Reply) -> bool {
    match (reply.code(), reply.enhanced()) {
        (451 | 452, Some((_, subject, _))) => stage >= Stage::RcptTo && subject == 3,
        (451, None) => stage >= Stage::Data,
        _ => false,
    }
}

fn at_sender(reply: &Reply) -> Outcome {
    match reply.class() {
        4 | 5 => CHANNEL,
        _ => TRANSIENT,
    }
}

fn at_message(reply: &Reply) -> Outcome {
    if about_us(reply) {
        return CHANNEL;
    }
    match (reply.class(), reply.code()) {
        // 500 to 504 say that the dialogue is out of step, except 501 about the address's form.
        // 552 is the old code of "too many recipients" (RFC 5321, 4.5.3.1.10).
        (_, 500 | 502 | 503 | 504 | 552) => TRANSIENT,
        (5, code) => permanent(match (reply.enhanced(), code) {
            (Some((_, 1, _)), _) | (None, 501 | 550 | 551 | 553) => Reason::InvalidAddress,
            (Some(_) | None, _) => Reason::RefusedByGateway,
        }),
        _ => TRANSIENT,
    }
}

fn after_dot(reply: &Reply) -> Outcome {
    match reply.class() {
        2 => Outcome::Accepted {
            provider_reference: reply.queue_id(),
        },
        4 | 5 if about_us(reply) => CHANNEL,
        4 => TRANSIENT,
        5 => permanent(match reply.enhanced() {
            Some((_, 1, _)) => Reason::InvalidAddress,
            Some(_) | None => Reason::RefusedByGateway,
        }),
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVALID: Outcome = permanent(Reason::InvalidAddress);
    const REFUSED: Outcome = permanent(Reason::RefusedByGateway);

    fn accepted(reference: Option<&str>) -> Outcome {
        Outcome::Accepted {
            provider_reference: reference.map(str::to_owned),
        }
    }

    #[test]
    fn every_reply_has_its_meaning() {
        use Stage::{AfterDot, Auth, Data, Ehlo, Greeting, MailFrom, RcptTo, StartTls};
        for (stage, code, text, outcome) in [
            (Greeting, 554, "no", CHANNEL),
            (Greeting, 421, "busy", CHANNEL),
            (Ehlo, 502, "no", CHANNEL),
            (Ehlo, 550, "no", CHANNEL),
            (StartTls, 454, "no TLS now", CHANNEL),
            (Auth, 535, "5.7.8 wrong password", CHANNEL),
            (Auth, 454, "4.7.0 later", CHANNEL),
            (MailFrom, 550, "5.1.8 sender", CHANNEL),
            (MailFrom, 553, "5.7.1 not owned", CHANNEL),
            (MailFrom, 451, "later", CHANNEL),
            (MailFrom, 421, "busy", CHANNEL),
            (MailFrom, 354, "out of step", TRANSIENT),
            (RcptTo, 550, "5.1.1 unknown", INVALID),
            (RcptTo, 550, "unknown", INVALID),
            (RcptTo, 551, "moved", INVALID),
            (RcptTo, 553, "no such mailbox", INVALID),
            (RcptTo, 501, "5.1.3 bad address", INVALID),
            (RcptTo, 550, "5.7.1 blocked", REFUSED),
            (RcptTo, 554, "no", REFUSED),
            (RcptTo, 550, "5.1.8 sender", CHANNEL),
            (RcptTo, 530, "5.7.0 log in", CHANNEL),
            (RcptTo, 450, "4.2.0 greylisted", TRANSIENT),
            (RcptTo, 451, "later", TRANSIENT),
            (RcptTo, 452, "4.5.3 too many", TRANSIENT),
            (RcptTo, 552, "too many", TRANSIENT),
            (RcptTo, 503, "out of step", TRANSIENT),
            (RcptTo, 421, "bye", CHANNEL),
            (RcptTo, 454, "4.7.1 relay access denied", CHANNEL),
            (Data, 421, "bye", CHANNEL),
            (RcptTo, 451, "4.3.0 later", BUSY),
            (RcptTo, 451, "4.7.1 greylisted", TRANSIENT),
            (RcptTo, 452, "4.3.1 full", BUSY),
            (Data, 451, "later", BUSY),
            (Data, 451, "4.3.0 later", BUSY),
            (Data, 451, "4.7.1 later", TRANSIENT),
            (Data, 454, "4.3.0 later", CHANNEL),
            (AfterDot, 454, "later", CHANNEL),
            (Data, 554, "no", REFUSED),
            (Data, 250, "out of step", TRANSIENT),
            (AfterDot, 250, "2.0.0 queued as A1", accepted(Some("A1"))),
            (AfterDot, 250, "ok", accepted(None)),
            (AfterDot, 451, "later", BUSY),
            (AfterDot, 451, "4.7.1 milter says later", TRANSIENT),
            (AfterDot, 452, "4.3.1 full", BUSY),
            (AfterDot, 452, "full", TRANSIENT),
            (AfterDot, 421, "bye", CHANNEL),
            (AfterDot, 550, "5.1.1 unknown", INVALID),
            (AfterDot, 550, "5.7.1 spam", REFUSED),
            (AfterDot, 554, "no", REFUSED),
            (AfterDot, 354, "out of step", Outcome::Unknown),
        ] {
            let answer = Answer::Reply(Reply::new(code, text));
            assert_eq!(classify(stage, &answer), outcome, "{stage:?} {code} {text}");
        }
    }

    #[test]
    fn a_broken_dialogue_is_the_channels_then_the_messages_then_unknown() {
        for answer in [Answer::Closed, Answer::TimedOut, Answer::Unreadable] {
            for (stage, outcome) in [
                (Stage::Connect, CHANNEL),
                (Stage::Greeting, CHANNEL),
                (Stage::Ehlo, CHANNEL),
                (Stage::StartTls, CHANNEL),
                (Stage::Auth, CHANNEL),
                (Stage::MailFrom, TRANSIENT),
                (Stage::RcptTo, TRANSIENT),
                (Stage::Data, TRANSIENT),
                (Stage::Body, TRANSIENT),
                (Stage::AfterDot, Outcome::Unknown),
            ] {
                assert_eq!(classify(stage, &answer), outcome, "{stage:?} {answer:?}");
            }
        }
        for (stage, answer) in [
            (Stage::Connect, Answer::Unreachable),
            (Stage::Connect, Answer::NoSuchHost),
            (Stage::Greeting, Answer::TlsFailed),
            (Stage::StartTls, Answer::TlsFailed),
            (Stage::StartTls, Answer::NotOffered),
            (Stage::Auth, Answer::NotOffered),
        ] {
            assert_eq!(classify(stage, &answer), CHANNEL, "{stage:?} {answer:?}");
        }
    }
}
