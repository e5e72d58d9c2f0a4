//! One-time codes: made, kept as digests, and sent as any other message of an agency.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::problem::Problem;
use super::session::{Visitor, digest};
use super::state::PageState;
use crate::domain::kinds::{Channel, Language};
use crate::pipeline::intake::{Answer, Offer};
use crate::ports::store::{CODE_LIFE, NewCode};

/// Digits of a code.
pub(super) const DIGITS: usize = 6;

/// Whether a code is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is.
    Yes,
    /// The person or the address has had too many within the hour.
    TooMany,
}

/// Makes a code and sends it to an address that is already read and well-formed.
pub(super) async fn send(
    state: &PageState,
    visitor: &Visitor,
    channel: Channel,
    address: &str,
    language: Language,
) -> Result<Sent, Problem> {
    let code = number(state.deps().entropy.bytes());
    let now = state.now();
    let kept = NewCode {
        session: visitor.session,
        channel,
        address: address.to_owned(),
        digest: visitor.code_digest(channel.as_str(), &code),
        at: now,
        person: (
            digest(&["codes to a person", visitor.person.expose()]),
            state.parts().codes_per_person,
        ),
        to: (
            digest(&[
                "codes to an address",
                channel.as_str(),
                &address.to_lowercase(),
            ]),
            state.parts().codes_per_address,
        ),
    };
    if !state.deps().store.put_code(kept).await? {
        return Ok(Sent::TooMany);
    }
    let directory = &state.deps().directory;
    let Some(agency) = directory.by_id(&state.parts().agency) else {
        tracing::error!("page.agency is no agency of this worker");
        return Err(Problem::Trouble);
    };
    let to = match channel {
        Channel::Sms => "phone",
        Channel::Email => "email",
    };
    let [a, b, c, d, e, f, g, h, ..] = state.deps().entropy.bytes();
    let (text_language, texts) = state.views().texts().message(channel, language);
    let job = json!({
        "job": format!("page-code-{}", hex::encode([a, b, c, d, e, f, g, h])),
        "class": "service_message",
        "lane": "urgent",
        "window": "anytime",
        "channel": channel.as_str(),
        "language": text_language.as_str(),
        "message": { text_language.as_str(): texts },
        "recipients": [{ "ref": "1", to: address, "values": { "code": code } }],
        "expires": now.plus(CODE_LIFE).to_string(),
    });
    let offer = Offer {
        agency: Arc::clone(agency),
        body: Bytes::from(job.to_string()),
        lane: None,
    };
    match state.parts().intake.offer(offer).await {
        Ok(Answer::Accepted(_) | Answer::Repeated(_)) => Ok(Sent::Yes),
        Ok(Answer::Conflict(_) | Answer::Rejected { .. }) => {
            tracing::error!("the job that carries a code was refused");
            Err(Problem::Trouble)
        }
        Err(_busy) => Err(Problem::Trouble),
    }
}

/// A code out of random bytes; every one as likely as any other, but for 2⁻⁴⁴.
fn number(random: [u8; 32]) -> String {
    let [a, b, c, d, e, f, g, h, ..] = random;
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 1_000_000;
    format!("{number:06}")
}

/// What the person typed, if it can be a code: spaces do not matter.
pub(super) fn typed(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    is_code.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_six_digits_and_are_read_with_spaces() {
        assert_eq!(number([0; 32]), "000000");
        assert_eq!(number([255; 32]).len(), DIGITS);
        assert_eq!(typed(" 123 456 ").as_deref(), Some("123456"));
        for bad in ["", "12345", "1234567", "12345x", "１２３４５６"] {
            assert_eq!(typed(bad), None, "{bad}");
        }
    }
}
