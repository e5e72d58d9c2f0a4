//! An e-mail as RFC 5322 and MIME want it.
//!
//! Every body is quoted-printable or base64 with CRLF line ends, and no header or address with CR,
//! LF or NUL gets through (R-59): what a recipient or an agency writes can neither end the message
//! early nor add a header. Two writings of one delivery are the same bytes, so that a mailbox can
//! fold a second copy.

use std::fmt;

use lettre::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, Headers, MessageId, Subject, To,
};
use lettre::message::{Body, Mailbox, Mailboxes, MultiPart, SinglePart};

use super::frame::Frames;
use crate::domain::ids::DeliveryId;
use crate::ports::gateway::{Content, Outbound};

/// A message ready for DATA, with its envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Envelope sender: the address of From.
    pub sender: String,
    /// Envelope recipient.
    pub recipient: String,
    /// `Message-ID`, with its angle brackets.
    pub message_id: String,
    /// Headers and body with CRLF line ends, without final dot.
    pub bytes: Vec<u8>,
}

/// Masked: neither address nor text.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({} bytes)", self.bytes.len())
    }
}

/// Why no e-mail can be made of it. Holds nothing of what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// Not an e-mail.
    #[error("the message is an SMS; it was given to an e-mail relay")]
    NotEmail,
    /// The recipient's address cannot be used on the wire.
    #[error("the recipient's address cannot be written in an envelope")]
    Recipient,
    /// The sender cannot be used.
    #[error("the sender is not an address; write for example Oslo kommune <varsel@oslo.example>")]
    Sender,
    /// CR, LF or NUL in the subject.
    #[error("the subject holds a line break or NUL")]
    Subject,
    /// The library could not put it together.
    #[error("the message cannot be put together")]
    Build,
}

/// Writes the e-mail of `outbound`; the headers that it shares with others are among
/// `frames`, or written now.
///
/// # Errors
/// [`LetterError`] if it could never be sent as it is.
pub fn write_letter(outbound: &Outbound, frames: &Frames) -> Result<Letter, LetterError> {
    let Content::Email {
        to,
        from,
        subject,
        text,
        html,
        language,
        date,
    } = &outbound.content
    else {
        return Err(LetterError::NotEmail);
    };
    let to = wire_address(to.expose()).ok_or(LetterError::Recipient)?;
    let frame = frames.of(from, language, *date)?;
    if has_breaks(subject) {
        return Err(LetterError::Subject);
    }
    let message_id = message_id(outbound.delivery, &frame.domain);
    let recipient = to.to_string();
    let mut own = Headers::new();
    own.set(To::from(Mailboxes::from(Mailbox::new(None, to))));
    own.set(Subject::from(subject.clone()));
    own.set(MessageId::from(message_id.clone()));
    let text = part(ContentType::TEXT_PLAIN, text)?;
    let body = match html {
        None => text.formatted(),
        Some(html) => MultiPart::alternative()
            // "=_" stands neither in quoted-printable nor in base64.
            .boundary(format!("=_{}", outbound.delivery.client_reference()))
            .singlepart(text)
            .singlepart(part(ContentType::TEXT_HTML, html)?)
            .formatted(),
    };
    Ok(Letter {
        sender: frame.sender.clone(),
        recipient,
        message_id,
        bytes: [frame.headers.as_bytes(), own.to_string().as_bytes(), &body].concat(),
    })
}

/// `Message-ID`: the delivery's reference at the sender's domain, the same for every try.
fn message_id(delivery: DeliveryId, domain: &str) -> String {
    format!("<{}@{domain}>", delivery.client_reference())
}

pub(super) fn has_breaks(text: &str) -> bool {
    text.contains(['\r', '\n', '\0'])
}

/// The address with an ASCII domain. A local part outside ASCII would need SMTPUTF8 at every hop to
/// the mailbox (RFC 6531); it is refused here instead of bouncing there.
pub(super) fn wire_address(raw: &str) -> Option<Address> {
    if raw.contains(|c: char| c.is_control()) {
        return None;
    }
    let (user, domain) = raw.rsplit_once('@')?;
    if !user.is_ascii() {
        return None;
    }
    let domain = if domain.is_ascii() {
        domain.to_owned()
    } else {
        idna::domain_to_ascii(domain).ok()?
    };
    Address::new(user, domain).ok()
}

fn part(kind: ContentType, text: &str) -> Result<SinglePart, LetterError> {
    let text = with_crlf(text);
    let foreign = text.bytes().filter(|byte| !byte.is_ascii()).count();
    let encoding = if foreign * 3 > text.len() {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    let body = Body::new_with_encoding(text, encoding).map_err(|_text| LetterError::Build)?;
    Ok(SinglePart::builder().content_type(kind).body(body))
}

/// Every line end as CRLF, also a lone CR.
fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32 + 2);
    let mut rest = text;
    while let Some((line, after)) = rest.split_once(['\r', '\n']) {
        out.push_str(line);
        out.push_str("\r\n");
        let is_pair = rest[line.len()..].starts_with("\r\n");
        rest = if is_pair { &after[1..] } else { after };
    }
    out.push_str(rest);
    if !out.ends_with("\r\n") {
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_stays_inside_its_brackets_is_written() {
        for bad in [
            "a@example.no>\r\nRCPT TO:<b@example.no",
            "a@example.no> <b@example.no",
            "a\n@example.no",
            "a@example.no\0",
            "a b@example.no",
            "bl\u{e5}b\u{e6}r@example.no",
            "@example.no",
            "a@",
            "a",
            "",
        ] {
            assert_eq!(wire_address(bad), None, "{bad:?}");
        }
        let domain = wire_address("a@Bl\u{c5}b\u{e6}r.no").map(|a| a.domain().to_owned());
        assert_eq!(domain.as_deref(), Some("xn--blbr-roah.no"));
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        for raw in ["a\nb", "a\r\nb\r\n", "a\rb\r", "a\nb\n"] {
            assert_eq!(with_crlf(raw), "a\r\nb\r\n", "{raw:?}");
        }
        assert_eq!(with_crlf("\r\r\n\n"), "\r\n\r\n\r\n");
    }
}
