//! What was promised to the agencies: every job that the broker or the API has taken.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::parts::jobs::{address, phone};

/// One recipient of a promised job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Its reference in the job.
    pub(crate) reference: String,
    /// Where the message must go.
    pub(crate) to: String,
    /// The text of the SMS, or the subject of the e-mail; no two are the same.
    pub(crate) text: String,
}

/// A job that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    /// Whose.
    pub(crate) agency: &'static str,
    /// Its id.
    pub(crate) job: String,
    /// An unknown try is left alone.
    pub(crate) leave: bool,
    /// To whom.
    pub(crate) recipients: Vec<Expected>,
    /// As it was published.
    pub(crate) body: Value,
}

impl Promise {
    /// The `number`-th job of an agency, by SMS or e-mail, to `count` recipients that nobody else
    /// writes to.
    pub(crate) fn new(agency: &'static str, number: usize, count: usize, salt: usize) -> Self {
        let job = format!("{agency}-{number}");
        let sms = !number.is_multiple_of(3);
        let leave = number.is_multiple_of(4);
        let lane = ["normal", "urgent", "normal", "bulk"][number % 4];
        let base = salt * 1_000_000 + number * 20;
        let recipients: Vec<Expected> = (0..count)
            .map(|place| Expected {
                reference: format!("r{place}"),
                to: if sms {
                    phone(base + place)
                } else {
                    address(base + place)
                },
                text: format!("{job} til {place}"),
            })
            .collect();
        let listed: Vec<Value> = recipients
            .iter()
            .enumerate()
            .map(|(place, one)| {
                let kind = if sms { "phone" } else { "email" };
                json!({"ref": one.reference, kind: one.to, "values": {"n": place}})
            })
            .collect();
        let text = format!("{job} til {{{{ n }}}}");
        let message = if sms {
            json!({"nb": {"sms": text}})
        } else {
            json!({"nb": {"email": {"subject": text, "text": "Hei."}}})
        };
        let body = json!({"job": job, "class": "service_message", "lane": lane,
            "channel": if sms { "sms" } else { "email" }, "window": "anytime",
            "if_uncertain": if leave { "leave" } else { "resend" },
            "message": message, "recipients": listed});
        Self {
            agency,
            job,
            leave,
            recipients,
            body,
        }
    }
}

/// Every promise.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Vec<Promise>>);

impl Book {
    /// The job was taken.
    pub(crate) fn promised(&self, promise: Promise) {
        self.0.lock().push(promise);
    }

    /// All so far.
    pub(crate) fn all(&self) -> Vec<Promise> {
        self.0.lock().clone()
    }

    /// The last of an agency.
    pub(crate) fn last_of(&self, agency: &str) -> Option<Promise> {
        let all = self.0.lock();
        all.iter().rev().find(|one| one.agency == agency).cloned()
    }

    /// How many recipients are in it.
    pub(crate) fn messages(&self) -> usize {
        self.0.lock().iter().map(|one| one.recipients.len()).sum()
    }
}

/// The promises by the text that goes out.
pub(crate) fn by_text(promises: &[Promise]) -> HashMap<&str, (&Promise, &Expected)> {
    promises
        .iter()
        .flat_map(|promise| promise.recipients.iter().map(move |one| (promise, one)))
        .map(|(promise, one)| (one.text.as_str(), (promise, one)))
        .collect()
}
