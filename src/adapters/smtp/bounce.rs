//! Bounces: what a mail system sends back about a message that it could not deliver (RFC 3464).
//!
//! Read are only machines' reports: `multipart/report` with a part `message/delivery-status`, and
//! the headers of the message that came back, whose `Message-ID` is our reference. What people or
//! older systems write in prose is no report.

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};

use crate::domain::ids::DeliveryId;
use crate::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use crate::domain::status::Reason;

/// Codes are kept up to so many characters, for operators.
const CODE_LENGTH: usize = 64;

/// Why a message is no bounce that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BounceError {
    /// Not a message at all.
    #[error("the body is no e-mail message (RFC 5322)")]
    NoMessage,
    /// A message, but no machine's report.
    #[error(
        "the message is no delivery status notification: it has no part message/delivery-status (RFC 3464)"
    )]
    NoReport,
}

/// Reads a bounce. A report about a message that is not ours, or that only says that a message is
/// late, holds no receipt.
///
/// # Errors
/// [`BounceError`].
pub fn parse(body: &[u8]) -> Result<Vec<Receipt>, BounceError> {
    let message = MessageParser::default()
        .parse(body)
        .ok_or(BounceError::NoMessage)?;
    let report = part(&message, "delivery-status").ok_or(BounceError::NoReport)?;
    let Some(delivery) = about(&message) else {
        return Ok(Vec::new());
    };
    let fields = |name: &str| {
        let name = name.to_owned();
        report.lines().filter_map(move |line| {
            let (field, value) = line.split_once(':')?;
            field
                .trim()
                .eq_ignore_ascii_case(&name)
                .then(|| value.trim().to_owned())
        })
    };
    // Our messages have one recipient each: of several lines the worst counts.
    let actions: Vec<String> = fields("action").map(|word| word.to_lowercase()).collect();
    let status = if actions.iter().any(|action| action == "failed") {
        ReceiptStatus::Failed(Reason::Bounced)
    } else if actions.iter().any(|action| action == "delivered") {
        ReceiptStatus::Delivered
    } else {
        return Ok(Vec::new());
    };
    let code = fields("status").next().filter(|code| {
        let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        code.len() <= CODE_LENGTH && code.bytes().all(printable)
    });
    Ok(vec![Receipt {
        key: ReceiptKey::Delivery(delivery),
        status,
        at: None,
        code,
    }])
}

/// The text of the first part `message/<subtype>`, however it is kept.
fn part(message: &Message<'_>, subtype: &str) -> Option<String> {
    let is = |part: &&mail_parser::MessagePart<'_>| {
        part.content_type().is_some_and(|kind| {
            kind.ctype().eq_ignore_ascii_case("message")
                && kind
                    .subtype()
                    .is_some_and(|own| own.eq_ignore_ascii_case(subtype))
        })
    };
    let part = message.parts.iter().find(is)?;
    Some(match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.clone().into_owned(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        PartType::Message(inner) => String::from_utf8_lossy(inner.raw_message()).into_owned(),
        PartType::Multipart(_) => return None,
    })
}

/// Which of our messages came back: by the `Message-ID` among its headers.
fn about(message: &Message<'_>) -> Option<DeliveryId> {
    let own = |id: &str| {
        let reference = id.trim().trim_start_matches('<').split('@').next()?;
        DeliveryId::from_client_reference(reference)
    };
    message.parts.iter().find_map(|part| match &part.body {
        PartType::Message(inner) => inner.message_id().and_then(own),
        PartType::Text(_) | PartType::Binary(_) | PartType::InlineBinary(_) => {
            let headers = part.content_type().is_some_and(|kind| {
                kind.subtype()
                    .is_some_and(|own| own.eq_ignore_ascii_case("rfc822-headers"))
            });
            let text = headers.then(|| String::from_utf8_lossy(part.contents()).into_owned())?;
            text.lines().find_map(|line| {
                let (field, value) = line.split_once(':')?;
                let named = field.trim().eq_ignore_ascii_case("message-id");
                named.then(|| own(value)).flatten()
            })
        }
        PartType::Html(_) | PartType::Multipart(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounce(action: &str, about: &str) -> String {
        format!(
            "From: MAILER-DAEMON@relay.example\r\nTo: varsel@oslo.example\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; relay.example\r\n\r\n\
             Final-Recipient: rfc822; kari@innbygger.example\r\n{action}Status: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 unknown\r\n\r\n--b\r\n{about}\r\n--b--\r\n"
        )
    }

    fn whole(id: &str) -> String {
        format!(
            "Content-Type: message/rfc822\r\n\r\nMessage-ID: <{id}@oslo.example>\r\n\
             Subject: Brev\r\n\r\nDu har post.\r\n"
        )
    }

    #[test]
    fn a_report_of_a_failure_names_our_message_and_its_code() {
        let id = DeliveryId(0x2a_0013);
        let headers = format!(
            "Content-Type: text/rfc822-headers\r\n\r\nSubject: Brev\r\nMessage-Id: <{}@oslo.example>\r\n",
            id.client_reference()
        );
        for about in [whole(&id.client_reference()), headers] {
            let receipts = parse(bounce("Action: failed\r\n", &about).as_bytes()).unwrap();
            assert_eq!(
                receipts,
                [Receipt {
                    key: ReceiptKey::Delivery(id),
                    status: ReceiptStatus::Failed(Reason::Bounced),
                    at: None,
                    code: Some("5.1.1".to_owned()),
                }],
                "{about}"
            );
        }
    }

    #[test]
    fn what_is_only_late_or_not_ours_says_nothing() {
        let ours = whole(&DeliveryId(77).client_reference());
        for (action, about) in [
            ("Action: delayed\r\n", ours.as_str()),
            ("Action: relayed\r\n", &ours),
            ("", &ours),
            ("Action: failed\r\n", &whole("somebody-elses")),
            (
                "Action: failed\r\n",
                "Content-Type: text/plain\r\n\r\nnothing\r\n",
            ),
        ] {
            let receipts = parse(bounce(action, about).as_bytes());
            assert_eq!(receipts, Ok(Vec::new()), "{action} {about}");
        }
    }

    #[test]
    fn a_confirmation_of_delivery_is_one() {
        let ours = whole(&DeliveryId(77).client_reference());
        let receipts = parse(bounce("Action: DELIVERED\r\n", &ours).as_bytes()).unwrap();
        assert_eq!(receipts[0].status, ReceiptStatus::Delivered);
    }

    #[test]
    fn prose_and_noise_are_refused() {
        let prose = b"From: a@b.example\r\nSubject: Out of office\r\n\r\nI am away.\r\n";
        assert_eq!(parse(prose), Err(BounceError::NoReport));
        for noise in [&b""[..], b"\0\xff\xfe", b"----", &[b'-'; 70_000]] {
            assert!(parse(noise).is_err());
        }
    }
}
