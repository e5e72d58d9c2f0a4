//! The texts.

use serde_json::Value;

use super::fields::{Fields, Word, wrong_type};
use super::problems::{At, Problems};
use crate::domain::job::{EmailText, Message, Texts};
use crate::domain::kinds::Language;

/// `message` as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct ReadMessage {
    /// The languages that could be read.
    pub(super) read: Message,
    /// Whether that is all.
    complete: bool,
}

impl ReadMessage {
    /// The message, if all of it could be read.
    pub(super) fn whole(self) -> Option<Message> {
        self.complete.then_some(self.read)
    }
}

/// Reads `message`; languages that are wrong are left out after they were named.
pub(super) fn read_message(
    fields: Fields<'_>,
    default: Option<Language>,
    problems: &mut Problems,
) -> ReadMessage {
    let at = At::Field(fields.at, "message");
    let Some(given) = fields.required("message", problems) else {
        return ReadMessage::default();
    };
    let Value::Object(languages) = given else {
        problems.add(
            &at,
            wrong_type("an object with a language as each field", given),
        );
        return ReadMessage::default();
    };
    let mut message = ReadMessage {
        read: Message::default(),
        complete: true,
    };
    for (name, value) in languages.iter().filter(|(_, value)| !value.is_null()) {
        let read = read_language(name, value, &at, problems);
        message.complete &= read.is_some();
        message.read.texts.extend(read);
    }
    let has = |language: Language| {
        languages
            .get(language.as_str())
            .is_some_and(|v| !v.is_null())
    };
    if let Some(default) = default.filter(|default| !has(*default)) {
        let text = "is missing; the message needs at least its default language";
        problems.add(&At::Field(&at, default.as_str()), text);
        message.complete = false;
    }
    message
}

fn read_language(
    name: &str,
    value: &Value,
    at: &At<'_>,
    problems: &mut Problems,
) -> Option<(Language, Texts)> {
    let Some(language) = Language::from_word(name) else {
        let known: Vec<_> = Language::all()
            .iter()
            .map(|language| language.text())
            .collect();
        let text = format!(
            "has a field that is no known language; known are {}",
            known.join(", ")
        );
        problems.add(at, text);
        return None;
    };
    let at = At::Field(at, name);
    let texts = Fields::of(value, &at, &["sms", "email"], problems)?;
    let sms = match texts.get("sms") {
        Some(_) => Some(texts.string("sms", problems)?.to_owned()),
        None => None,
    };
    let email = match texts.get("email") {
        Some(email) => Some(read_email(email, &At::Field(&at, "email"), problems)?),
        None => None,
    };
    Some((language, Texts { sms, email }))
}

fn read_email(value: &Value, at: &At<'_>, problems: &mut Problems) -> Option<EmailText> {
    let email = Fields::of(value, at, &["subject", "text", "html"], problems)?;
    let subject = email.required("subject", problems);
    let text = email.required("text", problems);
    let subject = subject.and_then(|_given| email.string("subject", problems));
    let text = text.and_then(|_given| email.string("text", problems));
    let html = match email.get("html") {
        Some(_) => Some(email.string("html", problems)?.to_owned()),
        None => None,
    };
    Some(EmailText {
        subject: subject?.to_owned(),
        text: text?.to_owned(),
        html,
    })
}
