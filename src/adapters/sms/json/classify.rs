//! What an answer of kind `json` means for the message (contract section 7).

use super::settings::JsonSettings;
use super::wire::{self, Reply};
use crate::adapters::sms::http::answer::Exchange;
use crate::adapters::sms::http::verdict::{Verdict, channel, verdict};
use crate::domain::outcome::{Fault, Outcome};

/// The outcome of a try.
///
/// A 2xx with a readable id is accepted. One whose error field says no and that gives no id was not
/// taken, for a reason that we cannot read: transient. Both at once, or neither, is unknown.
pub(in crate::adapters::sms) fn classify(exchange: &Exchange, settings: &JsonSettings) -> Outcome {
    let answer = match exchange {
        Exchange::NotStarted => return channel(None),
        Exchange::Late => return Outcome::NotSent(Fault::Late),
        Exchange::Broken => return Outcome::Unknown,
        Exchange::Answered(answer) => answer,
    };
    match verdict(answer, &settings.statuses) {
        Verdict::Decided(outcome) => outcome,
        Verdict::Success => match wire::decode(&answer.body, settings) {
            Reply {
                id: Some(id),
                says_error: false,
            } => Outcome::Accepted {
                provider_reference: Some(id),
            },
            Reply {
                id: None,
                says_error: true,
            } => Outcome::NotSent(Fault::Transient {
                retry_after: answer.retry_after,
            }),
            Reply { .. } => Outcome::Unknown,
        },
    }
}
