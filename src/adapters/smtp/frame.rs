//! The headers that e-mails have in common: those of a job, and of jobs of the same second. They are
//! written once, not once for each of thousands; nothing in them is about a recipient.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::message::header::{Date, From, HeaderName, HeaderValue, Headers, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Mailboxes};
use parking_lot::Mutex;

use super::message::{LetterError, has_breaks, wire_address};
use crate::domain::time::Timestamp;

/// So many seconds, languages and agencies are under way through one relay at once, about.
const KEPT: usize = 16;

/// The headers in common.
#[derive(Debug)]
pub(super) struct Frame {
    from: String,
    language: &'static str,
    /// Since 1970: `Date` is no more exact.
    second: u64,
    /// Envelope sender: the address of From.
    pub(super) sender: String,
    /// What is behind its @.
    pub(super) domain: String,
    /// Each with its CRLF.
    pub(super) headers: String,
}

impl Frame {
    fn write(from: &str, language: &'static str, second: u64) -> Result<Self, LetterError> {
        let mailbox = sender(from).ok_or(LetterError::Sender)?;
        let (sender, domain) = (mailbox.email.to_string(), mailbox.email.domain().to_owned());
        let mut headers = Headers::new();
        headers.set(From::from(Mailboxes::from(mailbox)));
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        headers.set(Date::new(date));
        headers.insert_raw(plain_header("Auto-Submitted", "auto-generated"));
        headers.insert_raw(plain_header("Content-Language", language));
        headers.set(MIME_VERSION_1_0);
        Ok(Self {
            from: from.to_owned(),
            language,
            second,
            sender,
            domain,
            headers: headers.to_string(),
        })
    }
}

/// The frames of late.
#[derive(Debug, Default)]
pub struct Frames {
    latest: Mutex<VecDeque<Arc<Frame>>>,
}

impl Frames {
    /// The headers of what `from` says in `language` in a job of `date`.
    pub(super) fn of(
        &self,
        from: &str,
        language: &'static str,
        date: Timestamp,
    ) -> Result<Arc<Frame>, LetterError> {
        let second = u64::try_from(date.0 / 1_000_000).unwrap_or(0);
        let mut latest = self.latest.lock();
        let same = |frame: &&Arc<Frame>| {
            (frame.second, frame.language, frame.from.as_str()) == (second, language, from)
        };
        if let Some(frame) = latest.iter().find(same) {
            return Ok(Arc::clone(frame));
        }
        let frame = Arc::new(Frame::write(from, language, second)?);
        latest.truncate(KEPT - 1);
        latest.push_front(Arc::clone(&frame));
        Ok(frame)
    }
}

/// `Name <address>` or `address`.
fn sender(raw: &str) -> Option<Mailbox> {
    if has_breaks(raw) {
        return None;
    }
    let raw = raw.trim();
    let Some(open) = raw.strip_suffix('>').and_then(|rest| rest.rfind('<')) else {
        return Some(Mailbox::new(None, wire_address(raw)?));
    };
    let address = raw.get(open + 1..raw.len() - 1)?;
    let name = raw.get(..open)?.trim();
    let name = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .unwrap_or(name);
    let name = (!name.is_empty()).then(|| name.to_owned());
    Some(Mailbox::new(name, wire_address(address.trim())?))
}

fn plain_header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_e_mails_of_a_second_share_one_frame_and_those_of_others_have_their_own() {
        let frames = Frames::default();
        let of = |from, language, at| frames.of(from, language, Timestamp(at)).expect("a frame");
        let first = of("Oslo <a@oslo.example>", "nb", 0);
        let later = of("Oslo <a@oslo.example>", "nb", 999_999);
        assert!(Arc::ptr_eq(&first, &later));
        let others = [
            of("Bergen <a@oslo.example>", "nb", 0),
            of("Oslo <a@oslo.example>", "nn", 0),
            of("Oslo <a@oslo.example>", "nb", 1_000_000),
        ];
        assert!(others.iter().all(|other| other.headers != first.headers));
        for second in 2..40 {
            of("Oslo <a@oslo.example>", "nb", second * 1_000_000);
        }
        assert_eq!(frames.latest.lock().len(), KEPT);
    }
}
