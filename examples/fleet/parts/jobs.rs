//! Jobs to people that nobody is.

use serde_json::{Value, json};

/// The `number`-th mobile number, below 10,000,000.
pub(crate) fn phone(number: usize) -> String {
    format!("+479{:07}", number % 10_000_000)
}

/// The `number`-th e-mail address.
pub(crate) fn address(number: usize) -> String {
    format!("innbygger{number}@post{}.example", number % 7)
}

/// A service message by SMS to `count` different numbers from `first` on, at any time of day. Of
/// three of them one has one part, one two, one three when `mixed`.
pub(crate) fn sms(name: &str, lane: &str, first: usize, count: usize, mixed: bool) -> Value {
    let recipients: Vec<Value> = (first..first + count)
        .map(|number| {
            let more = if mixed { number % 3 * 150 } else { 0 };
            json!({"phone": phone(number), "values": {"n": number, "more": "x".repeat(more)}})
        })
        .collect();
    json!({"job": name, "class": "service_message", "lane": lane, "channel": "sms",
        "window": "anytime",
        "message": {"nb": {"sms": format!("{name} {{{{ n }}}} {{{{ more }}}}.")}},
        "recipients": recipients})
}

/// The same by e-mail.
pub(crate) fn email(name: &str, lane: &str, first: usize, count: usize) -> Value {
    let recipients: Vec<Value> = (first..first + count)
        .map(|number| json!({"email": address(number), "values": {"n": number}}))
        .collect();
    json!({"job": name, "class": "service_message", "lane": lane, "channel": "email",
        "window": "anytime",
        "message": {"nb": {"email": {"subject": format!("{name} {{{{ n }}}}"), "text": "Hei."}}},
        "recipients": recipients})
}

/// A job with further fields, or others in their place.
pub(crate) fn with(mut job: Value, fields: Value) -> Value {
    if let (Some(job), Value::Object(fields)) = (job.as_object_mut(), fields) {
        job.extend(fields);
    }
    job
}
