//! The way in.

use super::error::ReceiptError;
use super::{json, kannel};
use crate::adapters::sms::wire::GatewayKind;
use crate::domain::receipt::Receipt;

/// The longest body of a report, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// Reads the reports of one call: `query` as it stands after the `?`, `body` as it came.
///
/// # Errors
/// [`ReceiptError`] says what is wrong and what would be right.
pub fn parse(
    kind: GatewayKind,
    content_type: Option<&str>,
    query: &str,
    body: &[u8],
) -> Result<Vec<Receipt>, ReceiptError> {
    if body.len() > LONGEST_BODY || query.len() > LONGEST_BODY {
        return Err(ReceiptError::TooLong);
    }
    match kind {
        GatewayKind::Json => json::parse(body),
        GatewayKind::Kannel => {
            let is_form = content_type.is_some_and(|kind| {
                kind.to_ascii_lowercase()
                    .starts_with("application/x-www-form-urlencoded")
            });
            kannel::parse(query, if is_form { body } else { &[] })
        }
    }
}

/// A code for operators: at most 64 characters of printable ASCII, nothing otherwise.
pub(super) fn code(raw: &str) -> Option<String> {
    let fits =
        (1..=64).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    fits.then(|| raw.to_owned())
}
