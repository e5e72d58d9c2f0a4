//! Reading the fields of an object, each with its type. `null` is an absent field.

use serde_json::{Map, Value};

use super::problems::{At, Problems};
use crate::domain::job::Side;
use crate::domain::kinds::{ChannelRule, Class, IfUncertain, Lane, Language, Window};
use crate::domain::time::Timestamp;

/// An object whose fields are known.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pub(super) at: &'a At<'a>,
}

impl<'a> Fields<'a> {
    /// Takes an object; names the fields that are not `known`.
    pub(super) fn of(
        value: &'a Value,
        at: &'a At<'a>,
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let Value::Object(object) = value else {
            problems.add(at, wrong_type("an object", value));
            return None;
        };
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            unknown_field(name, at, known, problems);
        }
        Some(Self { object, at })
    }

    /// A field, unless it is absent.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(super) fn required(self, name: &str, problems: &mut Problems) -> Option<&'a Value> {
        let value = self.get(name);
        if value.is_none() {
            problems.add(&At::Field(self.at, name), "is missing");
        }
        value
    }

    /// A string, if it is there.
    pub(super) fn string(self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        string(self.get(name)?, &At::Field(self.at, name), problems)
    }

    /// A word of a closed set, or its default.
    pub(super) fn word<T: Word>(
        self,
        name: &str,
        default: T,
        problems: &mut Problems,
    ) -> Option<T> {
        match self.get(name) {
            None => Some(default),
            Some(value) => word(value, &At::Field(self.at, name), problems),
        }
    }

    /// A whole number within bounds.
    pub(super) fn whole(
        self,
        name: &str,
        bounds: std::ops::RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Option<u32> {
        let value = self.required(name, problems)?;
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        let within = number.filter(|n| bounds.contains(n));
        if within.is_none() {
            let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            let text = if value.is_number() {
                format!("must be {wanted}")
            } else {
                wrong_type(&wanted, value)
            };
            problems.add(&At::Field(self.at, name), text);
        }
        within
    }

    /// A point of time.
    pub(super) fn time(self, name: &str, problems: &mut Problems) -> Option<Timestamp> {
        let text = self.string(name, problems)?;
        let time = rfc_3339(text);
        if time.is_none() {
            problems.add(
                &At::Field(self.at, name),
                "must be a time with its offset, as RFC 3339 writes it: 2030-01-01T08:00:00+01:00",
            );
        }
        time
    }
}

/// A string without the character U+0000, which no database keeps.
pub(super) fn string<'a>(
    value: &'a Value,
    at: &At<'_>,
    problems: &mut Problems,
) -> Option<&'a str> {
    let Value::String(text) = value else {
        problems.add(at, wrong_type("a string", value));
        return None;
    };
    if text.contains('\0') {
        problems.add(at, "must not contain the character U+0000");
        return None;
    }
    Some(text)
}

/// Names a field that is not known, with the nearest one that is.
pub(super) fn unknown_field(name: &str, at: &At<'_>, known: &[&str], problems: &mut Problems) {
    let listed = || format!("is not a known field; known are {}", known.join(", "));
    let text = match nearest(name, known) {
        Some(near) => format!("is not a known field; did you mean {near}?"),
        None => listed(),
    };
    if may_be_shown(name) {
        problems.add(&At::Field(at, name), text);
    } else {
        problems.add(at, format!("has a field that {text}"));
    }
}

/// A name that may be a slip of a value: long, an address, or with many digits.
pub(super) fn may_be_shown(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= 64 && digits < 6 && !name.contains('@')
}

fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let distances = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&lower, k), *k));
    let (distance, near) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + near.len() / 3).then_some(near)
}

/// "must be …, not …".
pub(super) fn wrong_type(wanted: &str, value: &Value) -> String {
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("must be {wanted}, not {given}")
}

/// A closed set of words.
pub(super) trait Word: Copy + 'static {
    /// All of them.
    fn all() -> &'static [Self];
    /// How the contract writes it.
    fn text(self) -> &'static str;
}

macro_rules! words {
    ($($kind:ident),+) => {$(
        impl Word for $kind {
            fn all() -> &'static [Self] {
                Self::ALL
            }
            fn text(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}
words!(ChannelRule, Class, IfUncertain, Lane, Language, Window);

impl Word for Side {
    fn all() -> &'static [Self] {
        &[Self::Odd, Self::Even, Self::Both]
    }
    fn text(self) -> &'static str {
        match self {
            Self::Odd => "odd",
            Self::Even => "even",
            Self::Both => "both",
        }
    }
}

/// Reads a word of a closed set.
pub(super) fn word<T: Word>(value: &Value, at: &At<'_>, problems: &mut Problems) -> Option<T> {
    let text = string(value, at, problems)?;
    let found = T::all().iter().copied().find(|word| word.text() == text);
    if found.is_none() {
        let words: Vec<_> = T::all().iter().map(|word| word.text()).collect();
        let hint = nearest(text, &words).map(|near| format!("; did you mean {near}?"));
        let hint = hint.unwrap_or_default();
        problems.add(at, format!("must be one of {}{hint}", words.join(", ")));
    }
    found
}

/// RFC 3339 with an offset; jiff alone would also read weeks, zones in brackets and blanks.
fn rfc_3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let head = bytes.get(..19)?;
    let shaped = head
        .iter()
        .zip(b"0000-00-00T00:00:00")
        .all(|(given, wanted)| match wanted {
            b'0' => given.is_ascii_digit(),
            b'T' => matches!(given, b'T' | b't'),
            mark => given == mark,
        });
    let tail = text.get(19..)?;
    let tail = match tail.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => tail,
    };
    let offset = matches!(tail, "Z" | "z")
        || matches!(tail.as_bytes(), [b'+' | b'-', a, b, b':', c, d]
            if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()));
    let time: jiff::Timestamp = (shaped && offset).then(|| text.parse().ok()).flatten()?;
    Some(Timestamp::from_jiff(time))
}
