//! What the page says, in four languages. Northern Sami has the short texts; where it has none, Bokmål
//! stands in and is marked as such.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::domain::kinds::{Channel, Language};
use crate::domain::time::Timestamp;

/// A text that was built in is not as it must be.
#[derive(Debug, thiserror::Error)]
pub(super) enum TextError {
    /// No TOML of texts by name.
    #[error("the texts in {0} cannot be read")]
    Unreadable(Language, #[source] toml::de::Error),
}

/// Texts by name, for each language in the order of its code.
#[derive(Debug)]
pub(super) struct Texts([BTreeMap<String, String>; 4]);

/// What a language says of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said<'t> {
    pub(super) text: &'t str,
    /// In which language, after all.
    pub(super) language: Language,
}

impl Texts {
    /// Those built in.
    ///
    /// # Errors
    /// [`TextError`].
    pub(super) fn new() -> Result<Self, TextError> {
        let read = |language, text| {
            toml::from_str(text).map_err(|error| TextError::Unreadable(language, error))
        };
        Ok(Self([
            read(Language::Nb, include_str!("texts/nb.toml"))?,
            read(Language::Nn, include_str!("texts/nn.toml"))?,
            read(Language::En, include_str!("texts/en.toml"))?,
            read(Language::Se, include_str!("texts/se.toml"))?,
        ]))
    }

    /// The texts that a language has itself.
    pub(super) fn own(&self, language: Language) -> &BTreeMap<String, String> {
        let [nb, nn, en, se] = &self.0;
        match language {
            Language::Nb => nb,
            Language::Nn => nn,
            Language::En => en,
            Language::Se => se,
        }
    }

    /// The text of a name; `None`: nobody has it.
    pub(super) fn say(&self, language: Language, name: &str) -> Option<Said<'_>> {
        let own = |language: Language| {
            let text = self.own(language).get(name)?;
            Some(Said { text, language })
        };
        own(language).or_else(|| own(Language::Nb))
    }

    /// The message that carries a code, as a job's texts, and its language.
    pub(super) fn message(&self, channel: Channel, language: Language) -> (Language, Value) {
        let text = |name: &str| {
            let said = self.say(language, name);
            said.map_or((Language::Nb, String::new()), |said| {
                (said.language, said.text.replace("{code}", "{{ code }}"))
            })
        };
        match channel {
            Channel::Sms => {
                let (language, sms) = text("message_sms");
                (language, json!({ "sms": sms }))
            }
            Channel::Email => {
                let (_, subject) = text("message_subject");
                let (language, body) = text("message_email");
                (
                    language,
                    json!({ "email": { "subject": subject, "text": body } }),
                )
            }
        }
    }
}

/// A language's own name.
pub(super) const fn language_name(language: Language) -> &'static str {
    match language {
        Language::Nb => "Norsk bokmål",
        Language::Nn => "Norsk nynorsk",
        Language::En => "English",
        Language::Se => "Davvisámegiella",
    }
}

const NORWEGIAN: [&str; 12] = [
    "januar",
    "februar",
    "mars",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "desember",
];
const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SAMI: [&str; 12] = [
    "ođđajagimánu",
    "guovvamánu",
    "njukčamánu",
    "cuoŋománu",
    "miessemánu",
    "geassemánu",
    "suoidnemánu",
    "borgemánu",
    "čakčamánu",
    "golggotmánu",
    "skábmamánu",
    "juovlamánu",
];

fn local(at: Timestamp) -> jiff::Zoned {
    // The time zone is built in; without it times would be shown in UTC.
    let oslo = TimeZone::get("Europe/Oslo").unwrap_or(TimeZone::UTC);
    at.to_jiff().to_zoned(oslo)
}

/// A date for people, in Norwegian time.
pub(super) fn date(at: Timestamp, language: Language) -> String {
    let at = local(at);
    let name = |months: [&'static str; 12]| {
        let month = usize::try_from(at.month()).unwrap_or(1);
        months
            .get(month.wrapping_sub(1))
            .copied()
            .unwrap_or_default()
    };
    let (day, year) = (at.day(), at.year());
    match language {
        Language::Nb | Language::Nn => format!("{day}. {} {year}", name(NORWEGIAN)),
        Language::En => format!("{day} {} {year}", name(ENGLISH)),
        Language::Se => format!("{} {day}. b. {year}", name(SAMI)),
    }
}

/// A date with the time of day.
pub(super) fn moment(at: Timestamp, language: Language) -> String {
    let date = date(at, language);
    let at = local(at);
    let (hour, minute) = (at.hour(), at.minute());
    match language {
        Language::Nb | Language::Nn => format!("{date} kl. {hour:02}.{minute:02}"),
        Language::En => format!("{date} at {hour:02}:{minute:02}"),
        Language::Se => format!("{date} dmu. {hour:02}.{minute:02}"),
    }
}

/// A number as people read it: Norwegian ones in groups, others as they are.
pub(super) fn number(e164: &str) -> String {
    let national = e164.strip_prefix("+47").filter(|rest| rest.len() == 8);
    let groups = national.and_then(|rest| Some((rest.get(..3)?, rest.get(3..5)?, rest.get(5..)?)));
    match groups {
        Some((first, second, third)) => format!("+47 {first} {second} {third}"),
        None => e164.to_owned(),
    }
}

/// For the `datetime` attribute.
pub(super) fn iso(at: Timestamp) -> String {
    at.to_string()
}
