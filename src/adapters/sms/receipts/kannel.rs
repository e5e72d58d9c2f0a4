//! Kind `kannel`: `?type=<dlr>&ref=<our reference>`, in the query or as a form.

use super::error::ReceiptError;
use super::parse::code;
use crate::domain::ids::DeliveryId;
use crate::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use crate::domain::status::Reason;

pub(super) fn parse(query: &str, form: &[u8]) -> Result<Vec<Receipt>, ReceiptError> {
    let wrong = |field, expected| ReceiptError::Field {
        position: 1,
        field,
        expected,
    };
    let mut kind = None;
    let mut reference = None;
    let mut err = None;
    for (name, value) in pairs(query.as_bytes()).chain(pairs(form)) {
        match &*name {
            "type" => kind = Some(value),
            "ref" => reference = Some(value),
            "err" => err = Some(value),
            _ => {}
        }
    }
    // The bits of `dlr-mask`; 34 and 66 are how newer versions tell apart why they gave up.
    let status = match kind.as_deref() {
        Some("1") => ReceiptStatus::Delivered,
        Some("2") => ReceiptStatus::Failed(Reason::Unreachable),
        Some("16") => ReceiptStatus::Failed(Reason::RefusedByGateway),
        Some("34") => ReceiptStatus::Expired,
        // Buffered, taken by the SMSC, or "unknown" to it: on its way, and no more is known.
        Some("4" | "8" | "66") => ReceiptStatus::Accepted,
        Some(_) | None => {
            return Err(wrong(
                "type",
                "1 delivered, 2 failed, 4 queued, 8 taken by the SMSC, 16 refused by the SMSC, 34 expired or 66 unknown",
            ));
        }
    };
    let Some(reference) = reference else {
        return Err(wrong("ref", "our reference, as the dlr-url held it"));
    };
    Ok(DeliveryId::from_client_reference(&reference)
        .map(|delivery| Receipt {
            key: ReceiptKey::Delivery(delivery),
            status,
            at: None,
            code: err.and_then(|raw| code(&raw)),
        })
        .into_iter()
        .collect())
}

/// The pairs of a query or form; decoding never fails, odd bytes become replacement characters.
fn pairs(raw: &[u8]) -> impl Iterator<Item = (String, String)> {
    raw.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let split = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = split.map_or((pair, &pair[pair.len()..]), |at| {
                (&pair[..at], &pair[at + 1..])
            });
            (decode(name), decode(value))
        })
}

fn decode(raw: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        rest = match hex {
            Some(byte) => {
                bytes.push(byte);
                &tail[2..]
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
