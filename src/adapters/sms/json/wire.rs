//! The format: one JSON object out, one back.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::settings::{JsonSettings, NumberFormat};
use crate::adapters::sms::http::answer::AnswerBody;

/// A gateway's own id longer than this is no id.
const LONGEST_ID: usize = 200;

/// One message as the gateway gets it.
pub(super) struct Message<'a> {
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) text: &'a str,
    pub(super) reference: &'a str,
    pub(super) report_url: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Text(&'a str),
    Constant(&'a Value),
}

/// The request's body. What is said about the message wins over a constant of the same name.
pub(super) fn encode(
    message: &Message<'_>,
    settings: &JsonSettings,
) -> Result<Bytes, serde_json::Error> {
    let fields = &settings.fields;
    let to = match settings.numbers {
        NumberFormat::E164 => message.to,
        NumberFormat::Digits => message.to.trim_start_matches('+'),
    };
    let mut object: BTreeMap<&str, Field<'_>> = settings
        .constants
        .iter()
        .map(|(name, value)| (name.as_str(), Field::Constant(value)))
        .collect();
    object.insert(&fields.to, Field::Text(to));
    object.insert(&fields.from, Field::Text(message.from));
    object.insert(&fields.text, Field::Text(message.text));
    object.insert(&fields.reference, Field::Text(message.reference));
    if let (Some(name), Some(url)) = (&fields.report_url, message.report_url) {
        object.insert(name, Field::Text(url));
    }
    serde_json::to_vec(&object).map(Bytes::from)
}

/// What a 2xx answer holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// The gateway's own id, if it is readable.
    pub(super) id: Option<String>,
    /// The error field holds something.
    pub(super) says_error: bool,
}

/// Reads a 2xx answer; what cannot be read is absent.
pub(super) fn decode(body: &AnswerBody, settings: &JsonSettings) -> Reply {
    let Ok(value) = serde_json::from_slice::<Value>(body.readable()) else {
        return Reply::default();
    };
    Reply {
        id: at(&value, &settings.id_field).and_then(id),
        says_error: settings
            .error_field
            .as_deref()
            .and_then(|path| at(&value, path))
            .is_some_and(holds_something),
    }
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty() && text.len() <= LONGEST_ID).then_some(text)
}

fn holds_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}
