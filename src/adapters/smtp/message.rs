//! An e-mail as RFC 5322 and MIME want it.
//!
//! Every body is quoted-printable or base64 with CRLF line ends, and no header or address with CR,
//! LF or NUL gets through (R-59): what a recipient or an agency writes can neither end the message
//! early nor add a header. Two writings of one delivery are the same bytes, so that a mailbox can
//! fold a second copy.

use std::fmt;
use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, Date, HeaderName, HeaderValue, MessageId,
};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};

use crate::domain::ids::DeliveryId;
use crate::domain::time::Timestamp;
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

/// Writes the e-mail of `outbound`.
///
/// # Errors
/// [`LetterError`] if it could never be sent as it is.
pub fn write_letter(outbound: &Outbound) -> Result<Letter, LetterError> {
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
    let to = Mailbox::new(
        None,
        wire_address(to.expose()).ok_or(LetterError::Recipient)?,
    );
    let from = sender(from).ok_or(LetterError::Sender)?;
    if has_breaks(subject) {
        return Err(LetterError::Subject);
    }
    let message_id = message_id(outbound.delivery, from.email.domain());
    let (sender, recipient) = (from.email.to_string(), to.email.to_string());
    let builder = Message::builder()
        .from(from)
        .to(to)
        .subject(subject.as_str())
        .header(Date::new(system_time(*date)))
        .header(MessageId::from(message_id.clone()))
        .raw_header(plain_header("Auto-Submitted", "auto-generated"))
        .raw_header(plain_header("Content-Language", language));
    let text = part(ContentType::TEXT_PLAIN, text)?;
    let message = match html {
        None => builder.singlepart(text),
        Some(html) => builder.multipart(
            MultiPart::alternative()
                // "=_" stands neither in quoted-printable nor in base64.
                .boundary(format!("=_{}", outbound.delivery.client_reference()))
                .singlepart(text)
                .singlepart(part(ContentType::TEXT_HTML, html)?),
        ),
    };
    let bytes = message.map_err(|_built| LetterError::Build)?.formatted();
    Ok(Letter {
        sender,
        recipient,
        message_id,
        bytes,
    })
}

/// `Message-ID`: the delivery's reference at the sender's domain, the same for every try.
fn message_id(delivery: DeliveryId, domain: &str) -> String {
    format!("<{}@{domain}>", delivery.client_reference())
}

fn has_breaks(text: &str) -> bool {
    text.contains(['\r', '\n', '\0'])
}

/// The address with an ASCII domain. A local part outside ASCII would need SMTPUTF8 at every hop to
/// the mailbox (RFC 6531); it is refused here instead of bouncing there.
fn wire_address(raw: &str) -> Option<Address> {
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

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or(0))
}

fn plain_header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
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
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() == Some(&'\n') {
                    chars.next();
                }
                out.push_str("\r\n");
            }
            '\n' => out.push_str("\r\n"),
            other => out.push(other),
        }
    }
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
