//! From bytes to a job.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::audience::read_audience;
use super::fields::{Fields, wrong_type};
use super::message::read_message;
use super::problems::{At, Problems};
use super::recipients::{Addressees, read_recipients};
use super::settings::read_settings;
use super::texts::{Audience, check_texts};
use crate::domain::event::Problem;
use crate::domain::ids::JobName;
use crate::domain::job::{Job, KnownTexts, Message, Recipient, Rules};
use crate::domain::kinds::{Class, Lane};
use crate::domain::time::Timestamp;

/// The longest body that is read.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// How deep objects and lists may nest.
pub const MAX_DEPTH: usize = 32;

/// What is known of the sender and the surroundings.
#[derive(Debug, Clone, Copy)]
pub struct ParseRules<'a> {
    /// Whether identity numbers must be synthetic (test) or real (production).
    pub allow_synthetic: bool,
    /// What the agency may send.
    pub classes: &'a [Class],
    /// The agency's own municipality: four digits; `None`: it may not address streets.
    pub municipality: Option<&'a str>,
    /// The lane of the queue (urgent or normal); `None` over HTTP, where the body alone says it.
    pub lane_of_queue: Option<Lane>,
    /// The present.
    pub now: Timestamp,
}

/// A body that is no valid job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The job's id, if it could be read.
    pub job: Option<JobName>,
    /// Everything that is wrong: at most [`MAX_PROBLEMS`](super::MAX_PROBLEMS), then one that says
    /// how many more.
    pub problems: Vec<Problem>,
}

const KNOWN: [&str; 14] = [
    "job",
    "class",
    "purpose",
    "lane",
    "channel",
    "language",
    "message",
    "recipients",
    "audience",
    "send_after",
    "expires",
    "window",
    "reminders",
    "if_uncertain",
];

/// Reads and checks a job whole.
///
/// # Errors
/// [`Rejected`] with every problem and its place.
pub fn parse(body: &[u8], rules: &ParseRules<'_>) -> Result<Job, Rejected> {
    parse_knowing(&mut KnownTexts::default(), body, rules)
}

/// As [`parse`], for whoever reads many: what an earlier job said need not be compiled again.
///
/// # Errors
/// As [`parse`].
pub fn parse_knowing(
    known: &mut KnownTexts,
    body: &[u8],
    rules: &ParseRules<'_>,
) -> Result<Job, Rejected> {
    let mut problems = Problems::default();
    let Some(mut value) = read_json(body, &mut problems) else {
        return Err(Rejected {
            job: None,
            problems: problems.into_list(),
        });
    };
    let content_hash = content_hash(&value, &mut problems);
    let recipients = value.get_mut("recipients").map(Value::take);
    let Some(fields) = Fields::of(&value, &At::Root, &KNOWN, &mut problems) else {
        return Err(Rejected {
            job: None,
            problems: problems.into_list(),
        });
    };
    let name = read_name(fields, &mut problems);
    let draft = read_draft(known, fields, recipients, rules, &mut problems);
    match (name, draft, content_hash) {
        (Some(name), Some(draft), Some(content_hash)) if problems.is_empty() => Ok(Job {
            name,
            rules: draft.rules,
            message: draft.message,
            recipients: draft.recipients,
            content_hash,
        }),
        (job, _, _) => Err(Rejected {
            job,
            problems: problems.into_list(),
        }),
    }
}

struct Draft {
    rules: Rules,
    message: Message,
    recipients: Vec<Recipient>,
}

fn read_draft(
    known: &mut KnownTexts,
    fields: Fields<'_>,
    recipients: Option<Value>,
    rules: &ParseRules<'_>,
    problems: &mut Problems,
) -> Option<Draft> {
    let settings = read_settings(fields, rules, problems);
    let message = read_message(fields, settings.language, problems);
    let audience = fields
        .get("audience")
        .map(|value| read_audience(value, settings.class, rules.municipality, problems));
    let addressees = match (recipients.filter(|list| !list.is_null()), &audience) {
        (Some(list), None) => read_recipients(list, &settings, rules.allow_synthetic, problems),
        (Some(_), Some(_)) => {
            let text = "must not be given together with recipients";
            problems.add(&At::Field(&At::Root, "audience"), text);
            None
        }
        (None, Some(_)) => Some(Addressees::default()),
        (None, None) => {
            let text = "is missing; a job needs recipients, or an audience";
            problems.add(&At::Field(&At::Root, "recipients"), text);
            None
        }
    };
    if let Some(addressees) = &addressees {
        let whom = match audience {
            Some(_) => Audience::Street,
            None => Audience::Listed(addressees),
        };
        check_purpose(fields, &whom, problems);
        check_texts(known, &message.read, &settings, &whom, problems);
    }
    Some(Draft {
        rules: settings.into_rules(audience.flatten())?,
        message: message.whole()?,
        recipients: addressees?.into_recipients()?,
    })
}

/// The register is asked for a stated purpose only.
fn check_purpose(fields: Fields<'_>, whom: &Audience<'_>, problems: &mut Problems) {
    if whom.has_persons() && fields.get("purpose").is_none() {
        let text =
            "is missing; say in 1 to 200 characters why the register is asked for these persons";
        problems.add(&At::Field(&At::Root, "purpose"), text);
    }
}

fn read_name(fields: Fields<'_>, problems: &mut Problems) -> Option<JobName> {
    fields.required("job", problems)?;
    let raw = fields.string("job", problems)?;
    match JobName::parse(raw) {
        Ok(name) => Some(name),
        Err(error) => {
            problems.add(&At::Field(&At::Root, "job"), error.to_string());
            None
        }
    }
}

fn read_json(body: &[u8], problems: &mut Problems) -> Option<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let refusal = if body.len() > MAX_BODY_BYTES {
        format!(
            "is longer than {} MiB; cut it into several jobs",
            MAX_BODY_BYTES / 1024 / 1024
        )
    } else if body.is_empty() {
        "is empty; it must be a job in JSON".into()
    } else if let Err(error) = std::str::from_utf8(body) {
        format!("is not UTF-8 after byte {}", error.valid_up_to())
    } else if is_too_deep(body) {
        format!("nests objects and lists deeper than {MAX_DEPTH} levels")
    } else {
        match serde_json::from_slice(body) {
            Ok(value @ Value::Object(_)) => return Some(value),
            Ok(other) => wrong_type("an object", &other),
            Err(error) => format!("is not valid JSON: {error}"),
        }
    };
    problems.add(&At::Root, refusal);
    None
}

fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// SHA-256 of the canonical JSON (RFC 8785).
fn content_hash(value: &Value, problems: &mut Problems) -> Option<[u8; 32]> {
    match serde_json_canonicalizer::to_vec(value) {
        Ok(canonical) => Some(Sha256::digest(&canonical).into()),
        Err(_unwritable_number) => {
            problems.add(&At::Root, "holds a number that JSON cannot carry exactly");
            None
        }
    }
}
