//! A job as it would go out (contract section 5): texts, SMS encoding, parts and which characters
//! forced UCS-2. Nothing is looked up, so a person is shown in every language that the register
//! might name.

use serde::Serialize;

use super::template::{RenderError, RenderedEmail, Templates};
use super::{Job, Recipient, To, Values};
use crate::domain::ids::Reference;
use crate::domain::kinds::{Channel, Language};
use crate::domain::sms_parts::{Encoding, count};

/// The most recipients that are shown.
pub const MAX_PREVIEWED: usize = 100;

/// A job as it would go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The agency's own id of the job.
    pub job: String,
    /// How many recipients the job has; for a street those who live there today.
    pub recipients: usize,
    /// In how many households the recipients of a street live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub households: Option<usize>,
    /// Whether only the first [`MAX_PREVIEWED`] are shown.
    pub truncated: bool,
    /// The messages: by recipient, then by language.
    pub items: Vec<PreviewItem>,
}

/// What one recipient would get in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewItem {
    /// The recipient; absent for a street.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The language of the texts.
    pub language: Language,
    /// The SMS, if the recipient could get one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms: Option<SmsPreview>,
    /// The e-mail, if the recipient could get one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailPreview>,
}

/// An SMS as it would go out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct SmsPreview {
    /// The text.
    pub text: String,
    /// GSM 7-bit or UCS-2.
    pub encoding: Encoding,
    /// Septets or UTF-16 units.
    pub units: u32,
    /// Parts, from 1; what the gateway bills.
    pub parts: u32,
    /// The characters that forced UCS-2: each once, at most 20.
    pub forced_ucs2: Vec<char>,
}

/// An e-mail as it would go out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct EmailPreview {
    /// Subject line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part; `null` if there is none.
    pub html: Option<String>,
}

/// Masked: texts are personal.
impl std::fmt::Debug for SmsPreview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmsPreview({:?}, {} parts)", self.encoding, self.parts)
    }
}

impl std::fmt::Debug for EmailPreview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmailPreview(***)")
    }
}

impl From<RenderedEmail> for EmailPreview {
    fn from(email: RenderedEmail) -> Self {
        let RenderedEmail {
            subject,
            text,
            html,
        } = email;
        Self {
            subject,
            text,
            html,
        }
    }
}

/// Shows a job that was read by [`parse`](super::parse::parse), with the templates compiled from
/// its message.
///
/// # Errors
/// [`RenderError`] when the templates are not those of the job.
pub fn preview(job: &Job, templates: &Templates) -> Result<Preview, RenderError> {
    let mut items = Vec::new();
    if job.rules.audience.is_some() {
        // Everybody gets the same: there are no values.
        for language in templates.languages() {
            items.push(item(job, templates, None, language)?);
        }
    }
    for recipient in job.recipients.iter().take(MAX_PREVIEWED) {
        for language in languages(job, templates, &recipient.to) {
            items.push(item(job, templates, Some(recipient), language)?);
        }
    }
    Ok(Preview {
        job: job.name.to_string(),
        recipients: job.recipients.len(),
        households: None,
        truncated: job.recipients.len() > MAX_PREVIEWED,
        items,
    })
}

/// The languages that a recipient may be told in.
fn languages(job: &Job, templates: &Templates, to: &To) -> Vec<Language> {
    match to {
        To::Person(_) => templates.languages().collect(),
        To::Phone(_) | To::Email(_) => vec![job.rules.language],
    }
}

fn item(
    job: &Job,
    templates: &Templates,
    recipient: Option<&Recipient>,
    language: Language,
) -> Result<PreviewItem, RenderError> {
    let nothing = Values::new();
    let values = recipient.map_or(&nothing, |recipient| &recipient.values);
    let may_get = |channel| {
        let reached = match recipient.map(|recipient| &recipient.to) {
            None | Some(To::Person(_)) => job.rules.channel.allows(channel),
            Some(To::Phone(_)) => channel == Channel::Sms,
            Some(To::Email(_)) => channel == Channel::Email,
        };
        reached && templates.has(language, channel)
    };
    let sms = may_get(Channel::Sms)
        .then(|| templates.render_sms(language, values))
        .transpose()?;
    let email = may_get(Channel::Email)
        .then(|| templates.render_email(language, values))
        .transpose()?;
    Ok(PreviewItem {
        reference: recipient.map(|recipient| recipient.reference.clone()),
        language,
        sms: sms.map(sms_preview),
        email: email.map(EmailPreview::from),
    })
}

fn sms_preview(text: String) -> SmsPreview {
    let count = count(&text);
    SmsPreview {
        text,
        encoding: count.encoding,
        units: count.units,
        parts: count.parts,
        forced_ucs2: count.forced_ucs2,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::job::parse::{ParseRules, parse};
    use crate::domain::kinds::Class;
    use crate::domain::time::Timestamp;

    fn shown(job: &Value) -> Value {
        let rules = ParseRules {
            allow_synthetic: true,
            classes: Class::ALL,
            municipality: Some("0301"),
            lane_of_queue: None,
            now: Timestamp(0),
        };
        let job = parse(job.to_string().as_bytes(), &rules).unwrap();
        let templates = Templates::compile(&job.message).unwrap();
        serde_json::to_value(preview(&job, &templates).unwrap()).unwrap()
    }

    #[test]
    fn each_recipient_is_shown_in_every_language_and_channel_it_may_be_told_in() {
        let email = |text: &str| json!({"subject": "Time", "text": text});
        let shown = shown(&json!({
            "job": "a", "class": "service_message", "purpose": "p",
            "message": {
                "nb": {"sms": "Time {{ t }}", "email": email("Time {{ t }}")},
                "se": {"sms": "Áigi {{ t }}", "email": email("Áigi {{ t }}")},
            },
            "recipients": [
                {"person": "20914695016", "values": {"t": "9"}},
                {"phone": "99999999", "values": {"t": "– 10"}, "ref": "x"},
                {"email": "a@example.no", "values": {"t": "11"}},
            ],
        }));
        let html = Value::Null;
        assert_eq!(
            shown,
            json!({"job": "a", "recipients": 3, "truncated": false, "items": [
                {"ref": "1", "language": "nb",
                 "sms": {"text": "Time 9", "encoding": "gsm7", "units": 6, "parts": 1, "forced_ucs2": []},
                 "email": {"subject": "Time", "text": "Time 9", "html": html}},
                {"ref": "1", "language": "se",
                 "sms": {"text": "Áigi 9", "encoding": "ucs2", "units": 6, "parts": 1, "forced_ucs2": ["Á"]},
                 "email": {"subject": "Time", "text": "Áigi 9", "html": html}},
                {"ref": "x", "language": "nb",
                 "sms": {"text": "Time – 10", "encoding": "ucs2", "units": 9, "parts": 1, "forced_ucs2": ["–"]}},
                {"ref": "3", "language": "nb",
                 "email": {"subject": "Time", "text": "Time 11", "html": html}},
            ]})
        );
    }

    #[test]
    fn a_large_job_is_cut_and_a_street_shows_its_texts() {
        let message = json!({"nb": {"sms": "Hei"}});
        let many = vec![json!({"phone": "99999999"}); 101];
        let shown_many = shown(&json!({
            "job": "a", "class": "service_message", "message": message, "recipients": many,
        }));
        assert_eq!(shown_many["items"].as_array().unwrap().len(), MAX_PREVIEWED);
        assert_eq!(
            (&shown_many["recipients"], &shown_many["truncated"]),
            (&json!(101), &json!(true))
        );
        let street = json!({"municipality": "0301", "street": "Storgata", "from": 1, "to": 9});
        let shown_street = shown(&json!({
            "job": "a", "class": "service_message", "purpose": "p", "channel": "sms",
            "message": message, "audience": {"street": street},
        }));
        assert_eq!(shown_street["items"].as_array().unwrap().len(), 1);
        assert_eq!(shown_street["items"][0].get("ref"), None);
    }
}
