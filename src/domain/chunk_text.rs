//! How jobs, recipients and texts are written into columns: one spelling for every store.
//!
//! Personal data is written once, in arrays by position within a chunk: references (facts),
//! identity numbers (identity), addresses and values (text). Each array is erased on its own, so
//! none of them repeats what another says. Errors never quote what they could not read.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids::{Position, Reference};
use super::job::{Message, Recipient, Rules, To, Values};
use super::person::PersonNumber;
use super::street::Home;

/// A column that does not hold what was written into it. Says where, never what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} does not decode at line {line} column {column}")]
pub struct ChunkTextError {
    what: &'static str,
    line: usize,
    column: usize,
}

impl ChunkTextError {
    /// serde's own words may quote a value: only the place is kept.
    fn at(what: &'static str, source: &serde_json::Error) -> Self {
        Self {
            what,
            line: source.line(),
            column: source.column(),
        }
    }

    /// An entry by its index is wrong, counted as a column from 1.
    const fn entry(what: &'static str, index: usize) -> Self {
        Self {
            what,
            line: 0,
            column: index + 1,
        }
    }
}

/// What is personal about a recipient besides the identity number.
#[derive(Clone, PartialEq, Default)]
pub struct ChunkContent {
    /// A direct phone number in E.164.
    pub phone: Option<String>,
    /// A direct e-mail address.
    pub email: Option<String>,
    /// The values.
    pub values: Values,
}

/// Masked: says only what is there.
impl std::fmt::Debug for ChunkContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkContent")
            .field("phone", &self.phone.is_some())
            .field("email", &self.email.is_some())
            .field("values", &self.values.len())
            .finish()
    }
}

/// `ChunkContent` as the column spells it.
#[derive(Serialize, Deserialize)]
struct Spelled {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    v: Values,
}

/// The references, as a JSON array of strings.
pub fn encode_refs(recipients: &[Recipient]) -> String {
    Value::Array(
        recipients
            .iter()
            .map(|recipient| json!(recipient.reference.as_str()))
            .collect(),
    )
    .to_string()
}

/// Somebody at a street, as the column spells it: who, house number, letter, household, after whom.
#[derive(Serialize, Deserialize)]
struct SpelledHome {
    p: String,
    n: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    l: String,
    h: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<Position>,
}

/// An entry of [`encode_persons`] as it is read back.
#[derive(Deserialize)]
#[serde(untagged)]
enum SpelledPerson {
    Number(String),
    Home(SpelledHome),
}

impl SpelledPerson {
    fn number(&self) -> &str {
        match self {
            Self::Number(number) => number,
            Self::Home(home) => &home.p,
        }
    }
}

/// The identity numbers, as a JSON array of strings, `null` for a direct address. Where somebody
/// lives is about as personal, and goes with the number: `{"p": number, "n": house, …}`.
pub fn encode_persons(recipients: &[Recipient]) -> String {
    Value::Array(
        recipients
            .iter()
            .map(|recipient| match (&recipient.to, &recipient.home) {
                (To::Person(person), None) => json!(person.expose()),
                (To::Person(person), Some(home)) => json!(SpelledHome {
                    p: person.expose().to_owned(),
                    n: home.number,
                    l: home.letter.clone(),
                    h: home.household,
                    a: home.after,
                }),
                (To::Phone(_) | To::Email(_), _) => Value::Null,
            })
            .collect(),
    )
    .to_string()
}

/// Addresses and values, as a JSON array of `{"p": phone, "e": email, "v": {values}}`; what is
/// empty is left out.
pub fn encode_contents(recipients: &[Recipient]) -> String {
    let spelled: Vec<Spelled> = recipients
        .iter()
        .map(|recipient| Spelled {
            p: match &recipient.to {
                To::Phone(phone) => Some(phone.expose().to_owned()),
                To::Person(_) | To::Email(_) => None,
            },
            e: match &recipient.to {
                To::Email(email) => Some(email.expose().to_owned()),
                To::Person(_) | To::Phone(_) => None,
            },
            v: recipient.values.clone(),
        })
        .collect();
    json!(spelled).to_string()
}

/// The texts of a job; in chunk 0 only.
pub fn encode_message(message: &Message) -> String {
    json!(message).to_string()
}

/// The rules of a job.
pub fn encode_rules(rules: &Rules) -> String {
    json!(rules).to_string()
}

/// Reads [`encode_refs`] back.
///
/// # Errors
/// [`ChunkTextError`].
pub fn decode_refs(text: &str) -> Result<Vec<Reference>, ChunkTextError> {
    serde_json::from_str(text).map_err(|source| ChunkTextError::at("refs", &source))
}

/// Reads [`encode_persons`] back.
///
/// # Errors
/// [`ChunkTextError`].
pub fn decode_persons(text: &str) -> Result<Vec<Option<PersonNumber>>, ChunkTextError> {
    // Most columns hold no homes; those that do are read in a second go.
    if let Ok(raw) = serde_json::from_str::<Vec<Option<&str>>>(text) {
        return numbers(raw.into_iter());
    }
    let raw = spelled_persons(text)?;
    numbers(
        raw.iter()
            .map(|one| one.as_ref().map(SpelledPerson::number)),
    )
}

/// Reads the homes of [`encode_persons`] back; nothing if nobody is of a street.
///
/// # Errors
/// [`ChunkTextError`].
pub fn decode_homes(text: &str) -> Result<Vec<Option<Home>>, ChunkTextError> {
    let home = |spelled: SpelledPerson| match spelled {
        SpelledPerson::Number(_) => None,
        SpelledPerson::Home(home) => Some(Home {
            number: home.n,
            letter: home.l,
            household: home.h,
            after: home.a,
        }),
    };
    if !text.contains('{') {
        return Ok(Vec::new());
    }
    let raw = spelled_persons(text)?;
    Ok(raw.into_iter().map(|one| one.and_then(home)).collect())
}

fn spelled_persons(text: &str) -> Result<Vec<Option<SpelledPerson>>, ChunkTextError> {
    serde_json::from_str(text).map_err(|source| ChunkTextError::at("persons", &source))
}

fn numbers<'a>(
    raw: impl Iterator<Item = Option<&'a str>>,
) -> Result<Vec<Option<PersonNumber>>, ChunkTextError> {
    raw.enumerate()
        .map(|(index, person)| {
            person
                .map(PersonNumber::parse)
                .transpose()
                .map_err(|_masked| ChunkTextError::entry("persons", index))
        })
        .collect()
}

/// Reads [`encode_contents`] back.
///
/// # Errors
/// [`ChunkTextError`].
pub fn decode_contents(text: &str) -> Result<Vec<ChunkContent>, ChunkTextError> {
    let spelled: Vec<Spelled> =
        serde_json::from_str(text).map_err(|source| ChunkTextError::at("contents", &source))?;
    Ok(spelled
        .into_iter()
        .map(|Spelled { p, e, v }| ChunkContent {
            phone: p,
            email: e,
            values: v,
        })
        .collect())
}

/// Reads [`encode_message`] back.
///
/// # Errors
/// [`ChunkTextError`].
pub fn decode_message(text: &str) -> Result<Message, ChunkTextError> {
    serde_json::from_str(text).map_err(|source| ChunkTextError::at("message", &source))
}

/// Reads [`encode_rules`] back.
///
/// # Errors
/// [`ChunkTextError`].
pub fn decode_rules(text: &str) -> Result<Rules, ChunkTextError> {
    serde_json::from_str(text).map_err(|source| ChunkTextError::at("rules", &source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::email::EmailAddress;
    use crate::domain::phone::PhoneNumber;

    fn recipients() -> Vec<Recipient> {
        let values = |text: &str| serde_json::from_str::<Values>(text).unwrap();
        vec![
            Recipient {
                reference: Reference::parse("row-1").unwrap(),
                to: To::Person(PersonNumber::parse("20914695016").unwrap()),
                values: values(r#"{"time":"tirsdag","n":3,"æ":true}"#),
                home: None,
            },
            Recipient {
                reference: Reference::parse("row-2").unwrap(),
                to: To::Phone(PhoneNumber::parse("+4799999999").unwrap()),
                values: Values::new(),
                home: None,
            },
            Recipient {
                reference: Reference::parse("row-3").unwrap(),
                to: To::Email(EmailAddress::parse("kari@example.no").unwrap()),
                values: Values::new(),
                home: None,
            },
        ]
    }

    #[test]
    fn recipients_come_back_as_they_were_written_and_no_array_repeats_another() {
        let recipients = recipients();
        assert_eq!(encode_refs(&recipients), r#"["row-1","row-2","row-3"]"#);
        assert_eq!(encode_persons(&recipients), r#"["20914695016",null,null]"#);
        assert_eq!(
            encode_contents(&recipients),
            r#"[{"v":{"time":"tirsdag","n":3,"æ":true}},{"p":"+4799999999"},{"e":"kari@example.no"}]"#
        );
        let refs = decode_refs(&encode_refs(&recipients)).unwrap();
        assert_eq!(refs[2], recipients[2].reference);
        let persons = decode_persons(&encode_persons(&recipients)).unwrap();
        assert_eq!(persons[0].as_ref().unwrap().expose(), "20914695016");
        assert!(persons[1].is_none());
        let contents = decode_contents(&encode_contents(&recipients)).unwrap();
        assert_eq!(contents[0].values, recipients[0].values);
        assert_eq!(contents[1].phone.as_deref(), Some("+4799999999"));
        assert_eq!(contents[2].email.as_deref(), Some("kari@example.no"));
    }

    #[test]
    fn what_does_not_decode_is_never_quoted() {
        for error in [
            decode_persons(r#"["123456789AB"]"#).unwrap_err(),
            decode_persons("[12345678901]").unwrap_err(),
            decode_contents(r#"[{"p":4799999999}]"#).unwrap_err(),
            decode_refs(r#"["a b c"]"#).unwrap_err(),
        ] {
            let text = format!("{error} {error:?}");
            assert!(
                !text.contains("123456789") && !text.contains("99999"),
                "{text}"
            );
        }
    }

    #[test]
    fn who_lives_at_a_street_is_kept_with_the_number() {
        let home = |number, after| Home {
            number,
            letter: if number == 3 {
                "B".into()
            } else {
                String::new()
            },
            household: 7,
            after,
        };
        let mut recipients = recipients();
        recipients[0].home = Some(home(3, None));
        let text = encode_persons(&recipients);
        assert_eq!(
            text,
            r#"[{"p":"20914695016","n":3,"l":"B","h":7},null,null]"#
        );
        let persons = decode_persons(&text).unwrap();
        assert_eq!(persons[0].as_ref().unwrap().expose(), "20914695016");
        assert_eq!(decode_homes(&text).unwrap()[0], Some(home(3, None)));
        recipients[0].home = Some(home(4, Some(11)));
        let homes = decode_homes(&encode_persons(&recipients)).unwrap();
        assert_eq!(homes, [Some(home(4, Some(11))), None, None]);
        assert_eq!(decode_homes(r#"["20914695016",null]"#).unwrap(), []);
        assert!(decode_persons(r#"[{"p":"123456789AB","n":1,"h":1}]"#).is_err());
    }
}
