//! What Kannel's answer means for the message.

use super::wire::{Line, decode};
use crate::adapters::sms::http::answer::Exchange;
use crate::adapters::sms::http::verdict::{StatusLists, Verdict, channel, refused, verdict};
use crate::domain::outcome::{Fault, Outcome};

/// The outcome of a try.
///
/// | answer | means |
/// |---|---|
/// | 2xx `0: Accepted for delivery`, `3: Queued for later delivery`, `Sent.` | accepted; Kannel gives no id, reports carry our reference |
/// | 2xx and anything else | unknown |
/// | 403 `Not routable. Do not try again.`, black-listed | never |
/// | 403 otherwise, 401 | the account |
/// | 404, 405 | the address: no Kannel listens there, whatever the message |
/// | 503 `Temporal failure, try again later.`, 500 `Sending failed.`, 408, 425, 429 | later |
/// | other 4xx | never |
/// | 502, 504, the rest | unknown |
pub(in crate::adapters::sms) fn classify(exchange: &Exchange) -> Outcome {
    let answer = match exchange {
        Exchange::NotStarted => return channel(None),
        Exchange::Late => return Outcome::NotSent(Fault::Late),
        Exchange::Broken => return Outcome::Unknown,
        Exchange::Answered(answer) => answer,
    };
    let line = decode(answer.body.readable());
    if answer.status == 403 && line == Line::Never {
        return refused();
    }
    let lists = StatusLists {
        account: vec![401, 403, 404, 405],
        ..StatusLists::default()
    };
    match verdict(answer, &lists) {
        Verdict::Decided(outcome) => outcome,
        Verdict::Success => match line {
            Line::Taken => Outcome::Accepted {
                provider_reference: None,
            },
            Line::Never | Line::Other => Outcome::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::adapters::sms::http::answer::{Answer, AnswerBody};

    fn outcome(status: u16, body: &'static str, retry_after: Option<u64>) -> Outcome {
        classify(&Exchange::Answered(Answer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            body: AnswerBody::Complete(Bytes::from_static(body.as_bytes())),
        }))
    }

    #[test]
    fn every_answer_that_kannel_gives_is_read() {
        for (status, body, expected) in [
            (202, "0: Accepted for delivery", "accepted"),
            (202, "3: Queued for later delivery", "accepted"),
            (202, "Sent.", "accepted"),
            (202, "Sent. Message splits: 3", "accepted"),
            (200, "0: Accepted for delivery", "accepted"),
            (202, "1: Unknown channel", "unknown"),
            (202, "", "unknown"),
            (200, "<html>", "unknown"),
            (403, "Authorization failed for sendsms", "channel"),
            (403, "Not routable. Do not try again.", "permanent"),
            (
                403,
                "Number(s) has/have been denied by white- and/or black-lists.",
                "permanent",
            ),
            (401, "", "channel"),
            (404, "Not found", "channel"),
            (400, "Missing receiver number, rejected", "permanent"),
            (
                400,
                "Sender missing and no global set, rejected",
                "permanent",
            ),
            (406, "", "permanent"),
            (429, "", "channel"),
            (500, "Sending failed.", "transient"),
            (503, "Temporal failure, try again later.", "transient"),
            (502, "", "unknown"),
            (504, "", "unknown"),
            (302, "", "unknown"),
        ] {
            assert_eq!(
                outcome(status, body, None).as_str(),
                expected,
                "{status} {body}"
            );
        }
        assert_eq!(
            outcome(503, "Temporal failure, try again later.", Some(9)),
            Outcome::NotSent(Fault::Channel {
                retry_after: Some(Duration::from_secs(9))
            })
        );
        assert_eq!(classify(&Exchange::NotStarted).as_str(), "channel");
        assert_eq!(classify(&Exchange::Broken), Outcome::Unknown);
    }
}
