//! Kind `json`: `{"id"|"reference", "status"}`, one or a list of them.

use serde::Deserialize;
use serde_json::Value;

use super::error::ReceiptError;
use super::parse::code;
use crate::domain::ids::DeliveryId;
use crate::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;

/// The longest id of a gateway that we keep; longer ones are never stored, so none matches.
const LONGEST_ID: usize = 200;

const NOT_REPORTS: ReceiptError = ReceiptError::Format {
    expected: "a JSON object with id or reference, and status, or a list of such objects",
};

#[derive(Deserialize)]
struct Report {
    id: Option<Value>,
    reference: Option<Value>,
    status: Option<String>,
    at: Option<String>,
    code: Option<Value>,
}

pub(super) fn parse(body: &[u8]) -> Result<Vec<Receipt>, ReceiptError> {
    let reports = match serde_json::from_slice(body) {
        Ok(Value::Array(reports)) => reports,
        Ok(report) => vec![report],
        Err(_not_json) => return Err(NOT_REPORTS),
    };
    let mut receipts = Vec::with_capacity(reports.len());
    for (index, report) in reports.into_iter().enumerate() {
        if !report.is_object() {
            return Err(NOT_REPORTS);
        }
        let report = serde_json::from_value(report).map_err(|_mistyped| NOT_REPORTS)?;
        receipts.extend(read(index + 1, report)?);
    }
    Ok(receipts)
}

fn read(position: usize, report: Report) -> Result<Option<Receipt>, ReceiptError> {
    let wrong = |field, expected| ReceiptError::Field {
        position,
        field,
        expected,
    };
    // After the gateway took a message over, "failed" is about the phone.
    let status = match report.status.as_deref() {
        Some("delivered") => ReceiptStatus::Delivered,
        Some("failed") => ReceiptStatus::Failed(Reason::Unreachable),
        Some("expired") => ReceiptStatus::Expired,
        Some("accepted") => ReceiptStatus::Accepted,
        Some(_) | None => {
            return Err(wrong("status", "delivered, failed, expired or accepted"));
        }
    };
    let at = report
        .at
        .map(|at| at.parse().map(Timestamp::from_jiff))
        .transpose()
        .map_err(|_unreadable| wrong("at", "a time as RFC 3339 writes it, with offset"))?;
    if report.id.is_none() && report.reference.is_none() {
        return Err(wrong("id or reference", "given"));
    }
    let reference = text(report.reference);
    let ours = reference
        .as_deref()
        .and_then(DeliveryId::from_client_reference);
    let key = match (ours, text(report.id)) {
        (Some(delivery), _) => ReceiptKey::Delivery(delivery),
        (None, Some(id)) => ReceiptKey::ProviderReference(id),
        (None, None) => return Ok(None),
    };
    Ok(Some(Receipt {
        key,
        status,
        at,
        code: text(report.code).and_then(|raw| code(&raw)),
    }))
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
    .filter(|text| (1..=LONGEST_ID).contains(&text.len()))
}
