//! Whom to tell.

use std::collections::HashMap;

use serde_json::Value;

use super::fields::{may_be_shown, string, unknown_field, wrong_type};
use super::problems::{At, Problems};
use super::settings::Settings;
use crate::domain::email::EmailAddress;
use crate::domain::ids::Reference;
use crate::domain::job::{Recipient, To, Values};
use crate::domain::kinds::{Channel, Class};
use crate::domain::person::{PersonNumber, PersonNumberError};
use crate::domain::phone::PhoneNumber;

/// The most recipients of one job.
pub const MAX_RECIPIENTS: usize = 10_000;
/// Above it, a number is not carried exactly by JSON (RFC 8785 3.2.2.3).
const MAX_EXACT: u64 = 1 << 53;

const KNOWN: [&str; 5] = ["ref", "person", "phone", "email", "values"];
const ONE_OF: &str = "must have exactly one of person, phone and email";

/// Which kind of address was given, whether it could be read or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Direct(Channel),
}

/// One recipient as far as it could be read.
#[derive(Debug)]
pub(super) struct Addressee {
    pub(super) kind: Option<Kind>,
    pub(super) values: Option<Values>,
    to: Option<To>,
    reference: Option<Reference>,
}

/// All recipients as far as they could be read, in their order.
#[derive(Debug, Default)]
pub(super) struct Addressees(pub(super) Vec<Addressee>);

impl Addressees {
    /// The recipients of a job, if every one could be read.
    pub(super) fn into_recipients(self) -> Option<Vec<Recipient>> {
        let whole = |addressee: Addressee| {
            Some(Recipient {
                reference: addressee.reference?,
                to: addressee.to?,
                values: addressee.values?,
                home: None,
            })
        };
        self.0.into_iter().map(whole).collect()
    }
}

/// Reads `recipients`.
pub(super) fn read_recipients(
    list: Value,
    settings: &Settings,
    allow_synthetic: bool,
    problems: &mut Problems,
) -> Option<Addressees> {
    let at = At::Field(&At::Root, "recipients");
    let Value::Array(list) = list else {
        problems.add(&at, wrong_type("a list", &list));
        return None;
    };
    if !(1..=MAX_RECIPIENTS).contains(&list.len()) {
        let text = format!(
            "has {} entries; it must have 1 to {MAX_RECIPIENTS}",
            list.len()
        );
        problems.add(&at, text);
        return None;
    }
    let reader = Reader {
        settings,
        allow_synthetic,
    };
    let mut addressees = Vec::with_capacity(list.len());
    for (index, entry) in list.into_iter().enumerate() {
        addressees.push(reader.read(entry, index, &At::Entry(&at, index), problems));
    }
    name_repeated_references(&addressees, &at, problems);
    Some(Addressees(addressees))
}

struct Reader<'a> {
    settings: &'a Settings,
    allow_synthetic: bool,
}

impl Reader<'_> {
    fn read(&self, entry: Value, index: usize, at: &At<'_>, problems: &mut Problems) -> Addressee {
        let mut read = Addressee {
            kind: None,
            values: Some(Values::new()),
            to: None,
            reference: Reference::parse(&(index + 1).to_string()).ok(),
        };
        let Value::Object(fields) = entry else {
            problems.add(at, wrong_type("an object", &entry));
            read.values = None;
            return read;
        };
        let mut given = 0;
        for (name, value) in fields {
            if value.is_null() {
                continue;
            }
            let at_field = At::Field(at, &name);
            match name.as_str() {
                "ref" => read.reference = read_reference(&value, &at_field, problems),
                "values" => read.values = read_values(value, &at_field, problems),
                "person" | "phone" | "email" => {
                    given += 1;
                    (read.kind, read.to) = self.read_to(&name, &value, &at_field, problems);
                }
                _ => unknown_field(&name, at, &KNOWN, problems),
            }
        }
        if given != 1 {
            problems.add(at, ONE_OF);
            (read.kind, read.to) = (None, None);
        }
        read
    }

    fn read_to(
        &self,
        name: &str,
        value: &Value,
        at: &At<'_>,
        problems: &mut Problems,
    ) -> (Option<Kind>, Option<To>) {
        let kind = match name {
            "phone" => Kind::Direct(Channel::Sms),
            "email" => Kind::Direct(Channel::Email),
            _person => Kind::Person,
        };
        self.check_kind(kind, at, problems);
        let Some(raw) = string(value, at, problems) else {
            return (Some(kind), None);
        };
        let to = match kind {
            Kind::Person => self.read_person(raw).map(To::Person),
            Kind::Direct(Channel::Sms) => PhoneNumber::parse(raw)
                .map(To::Phone)
                .map_err(|error| error.to_string()),
            Kind::Direct(Channel::Email) => EmailAddress::parse(raw)
                .map(To::Email)
                .map_err(|error| error.to_string()),
        };
        (Some(kind), to.map_err(|error| problems.add(at, error)).ok())
    }

    fn read_person(&self, raw: &str) -> Result<PersonNumber, String> {
        let person = PersonNumber::parse(raw).map_err(|error| match error {
            PersonNumberError::Shape if PersonNumber::missing_leading_zero(raw) => {
                format!("{error}; a leading 0 seems to be lost, as spreadsheets do")
            }
            PersonNumberError::Shape | PersonNumberError::Date | PersonNumberError::CheckDigits => {
                error.to_string()
            }
        })?;
        match (person.is_synthetic(), self.allow_synthetic) {
            (true, false) => {
                Err("is a synthetic identity number; here only real ones are known".into())
            }
            (false, true) => Err(
                "is a real identity number; here, in test, only synthetic ones are let in".into(),
            ),
            (true, true) | (false, false) => Ok(person),
        }
    }

    /// Whether class and channel of the job go with this kind of recipient.
    fn check_kind(&self, kind: Kind, at: &At<'_>, problems: &mut Problems) {
        let Kind::Direct(channel) = kind else { return };
        if self.settings.class == Some(Class::Letter) {
            problems.add(at, "cannot get a letter: letters take persons only");
        }
        if let Some(rule) = self.settings.channel.filter(|rule| !rule.allows(channel)) {
            problems.add(
                at,
                format!("cannot be reached: the job's channel is {rule} only"),
            );
        }
    }
}

fn read_reference(value: &Value, at: &At<'_>, problems: &mut Problems) -> Option<Reference> {
    let raw = string(value, at, problems)?;
    Reference::parse(raw)
        .map_err(|error| problems.add(at, error.to_string()))
        .ok()
}

fn read_values(value: Value, at: &At<'_>, problems: &mut Problems) -> Option<Values> {
    let Value::Object(values) = value else {
        problems.add(at, wrong_type("an object", &value));
        return None;
    };
    let wrong = values
        .iter()
        .filter_map(|(name, value)| Some((name, unusable(value)?)));
    let wrong: Vec<(&String, String)> = wrong.collect();
    if wrong.is_empty() {
        return Some(values);
    }
    for (name, text) in wrong {
        if may_be_shown(name) {
            problems.add(&At::Field(at, name), text);
        } else {
            problems.add(at, format!("has an entry that {text}"));
        }
    }
    None
}

/// Why a value cannot fill a text.
fn unusable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Some("must not contain the character U+0000".into())
        }
        Value::Number(number) if is_inexact(number) => {
            Some("is too large a number to be carried exactly; write it as a string".into())
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => None,
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Some(wrong_type("a string, a number or a boolean", value))
        }
    }
}

fn is_inexact(number: &serde_json::Number) -> bool {
    let magnitude = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|n| n > MAX_EXACT)
}

fn name_repeated_references(addressees: &[Addressee], at: &At<'_>, problems: &mut Problems) {
    let mut first: HashMap<&Reference, usize> = HashMap::with_capacity(addressees.len());
    for (index, addressee) in addressees.iter().enumerate() {
        let Some(reference) = &addressee.reference else {
            continue;
        };
        match first.get(reference) {
            Some(earlier) => problems.add(
                &At::Field(&At::Entry(at, index), "ref"),
                format!("is the same as that of /recipients/{earlier}; each must be unique"),
            ),
            None => {
                first.insert(reference, index);
            }
        }
    }
}
