//! One line of NDJSON: a KRR `Person` object. What is wrong is said without a value of it.

use serde_json::{Map, Value};

use crate::domain::krr_person::KrrPerson;

const TEXTS: [&str; 10] = [
    "personidentifikator",
    "reservasjon",
    "reservasjonstidspunkt",
    "reservasjon_oppdatert",
    "status",
    "varslingsstatus",
    "sertifikat",
    "spraak",
    "spraak_oppdatert",
    "oppdatert",
];
const CONTACT: [&str; 10] = [
    "epostadresse",
    "epostadresse_oppdatert",
    "epostadresse_sist_verifisert",
    "epostadresse_sist_validert",
    "epostadresse_duplisert",
    "mobiltelefonnummer",
    "mobiltelefonnummer_oppdatert",
    "mobiltelefonnummer_sist_verifisert",
    "mobiltelefonnummer_sist_validert",
    "mobiltelefonnummer_duplisert",
];
const MAILBOX: [&str; 2] = ["postkasseadresse", "postkasseleverandoeradresse"];

/// Reads a line. Fields that we do not know are passed over: the register has more of them.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(line: &str) -> Result<KrrPerson, Vec<String>> {
    let value: Value = serde_json::from_str(line).map_err(|error| {
        vec![format!(
            "is no JSON: something is wrong at column {}",
            error.column()
        )]
    })?;
    let Value::Object(person) = &value else {
        return Err(vec![
            "is no object; each line must hold one Person object".to_owned(),
        ]);
    };
    let mut problems = Vec::new();
    check_texts(person, "", &TEXTS, &mut problems);
    for (name, texts) in [
        ("kontaktinformasjon", &CONTACT[..]),
        ("digital_post", &MAILBOX[..]),
    ] {
        match person.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(inner)) => {
                check_texts(inner, &format!("{name}."), texts, &mut problems);
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                problems.push(format!("{name} must be an object"));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let unreadable = |_cause| vec!["is no Person object of the register".to_owned()];
    // A missing number is named by the check of the number itself.
    match value {
        Value::Object(mut person) => {
            if person.get("personidentifikator").is_none_or(Value::is_null) {
                person.insert("personidentifikator".into(), "".into());
            }
            serde_json::from_value(Value::Object(person)).map_err(unreadable)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(vec!["is no object".to_owned()])
        }
    }
}

fn check_texts(
    object: &Map<String, Value>,
    prefix: &str,
    names: &[&str],
    problems: &mut Vec<String>,
) {
    for name in names {
        match object.get(*name) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                problems.push(format!("{prefix}{name} must be a text, in quotes"));
            }
        }
    }
}
