//! What is kept of a letter as proof of how people were told, or why not (eForvaltningsforskriften
//! § 8): what the register said, what the rule made of it, and what gateways reported. No address.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::calendar;
use super::contact::{Contact, Dated, Notifiable, Registration};
use super::job::Rules;
use super::kinds::Channel;
use super::opt_out::OptedOut;
use super::plan::FRESH_MONTHS;
use super::status::{Reason, Status};
use super::time::Timestamp;

/// What the rule made of the register's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It may go.
    Send {
        /// On which channel.
        channel: Channel,
        /// SHA-256 of what is said.
        text: [u8; 32],
    },
    /// It may go later.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// It may not go.
    Withhold {
        /// Why.
        reason: Option<Reason>,
    },
    /// Not on this channel any more; the other one begins.
    OtherChannel {
        /// Why.
        reason: Reason,
    },
}

/// The SHA-256 of a message: its parts with a zero byte between them.
pub fn digest(parts: &[&str]) -> [u8; 32] {
    Sha256::digest(parts.join("\0")).into()
}

/// A decision as it is kept. `asked_at`: when the register was asked.
pub fn decision(
    rules: &Rules,
    contact: Option<(&Contact, Timestamp)>,
    opted_out: OptedOut,
    now: Timestamp,
    outcome: &Outcome,
) -> Value {
    let mut said = Map::new();
    said.insert("kind".to_owned(), "decision".into());
    if let Some((contact, asked_at)) = contact {
        said.insert("asked_at".to_owned(), asked_at.to_string().into());
        said.insert("register".to_owned(), register(contact));
    }
    let fresh_since = calendar::months_before(now, FRESH_MONTHS);
    said.insert(
        "rule".to_owned(),
        json!({
            "channel": rules.channel.as_str(), "fresh_since": fresh_since.to_string(),
            "opted_out": opted_out != OptedOut::NOTHING,
        }),
    );
    let mut put = |name: &str, value: String| said.insert(name.to_owned(), value.into());
    match outcome {
        Outcome::Send { channel, text } => {
            put("outcome", "send".to_owned());
            put("channel", channel.to_string());
            put("text_sha256", hex::encode(text));
        }
        Outcome::Wait { until } => {
            put("outcome", "wait".to_owned());
            put("until", until.to_string());
        }
        Outcome::Withhold { reason } => {
            put("outcome", "withhold".to_owned());
            if let Some(reason) = reason {
                put("reason", reason.to_string());
            }
        }
        Outcome::OtherChannel { reason } => {
            put("outcome", "other_channel".to_owned());
            put("reason", reason.to_string());
        }
    }
    Value::Object(said)
}

/// A receipt as it is kept.
pub fn receipt(gateway: &str, status: Status, reason: Option<Reason>) -> Value {
    let mut said = Map::new();
    said.insert("kind".to_owned(), "receipt".into());
    said.insert("gateway".to_owned(), gateway.into());
    said.insert("status".to_owned(), status.as_str().into());
    if let Some(reason) = reason {
        said.insert("reason".to_owned(), reason.as_str().into());
    }
    Value::Object(said)
}

/// The register's codes and dates, in our words.
fn register(contact: &Contact) -> Value {
    let mut said = Map::new();
    let registration = match contact.registration {
        Registration::Active => "active",
        Registration::Deleted => "deleted",
        Registration::NotRegistered => "not_registered",
        Registration::Other => "unknown",
    };
    let notifiable = match contact.notifiable {
        Notifiable::Yes => "yes",
        Notifiable::No => "no",
        Notifiable::Unstated => "unstated",
    };
    said.insert("registration".to_owned(), registration.into());
    said.insert("reserved".to_owned(), contact.reserved.into());
    said.insert("notifiable".to_owned(), notifiable.into());
    if let Some(mobile) = &contact.mobile {
        said.insert("mobile".to_owned(), dates(mobile));
    }
    if let Some(email) = &contact.email {
        said.insert("email".to_owned(), dates(email));
    }
    if let Some(language) = contact.language {
        said.insert("language".to_owned(), language.as_str().into());
    }
    Value::Object(said)
}

/// An address without the address.
fn dates<A>(dated: &Dated<A>) -> Value {
    let mut said = Map::new();
    for (name, at) in [("changed", dated.updated), ("confirmed", dated.verified)] {
        if let Some(at) = at {
            said.insert(name.to_owned(), at.to_string().into());
        }
    }
    said.insert("usable".to_owned(), dated.address.is_ok().into());
    said.insert("shared".to_owned(), dated.shared.into());
    Value::Object(said)
}
