//! A street instead of recipients (contract section 8).

use serde_json::Value;

use super::fields::{Fields, wrong_type};
use super::problems::{At, Problems};
use crate::domain::job::{Side, StreetAudience};
use crate::domain::kinds::Class;

/// The highest house number.
const MAX_NUMBER: u32 = 9_999;
/// The longest street name in characters.
const MAX_STREET: usize = 100;

/// Reads `audience`.
pub(super) fn read_audience(
    value: &Value,
    class: Option<Class>,
    own: Option<&str>,
    problems: &mut Problems,
) -> Option<StreetAudience> {
    let at = At::Field(&At::Root, "audience");
    if class == Some(Class::Letter) {
        problems.add(
            &at,
            "is for service messages only; a letter has its persons as recipients",
        );
    }
    let fields = Fields::of(value, &at, &["street", "per_household"], problems)?;
    let per_household = match fields.get("per_household") {
        None => Some(false),
        Some(Value::Bool(yes)) => Some(*yes),
        Some(other) => {
            problems.add(
                &At::Field(&at, "per_household"),
                wrong_type("a boolean", other),
            );
            None
        }
    };
    let street_at = At::Field(&at, "street");
    let street = fields.required("street", problems)?;
    let known = ["municipality", "street", "from", "to", "side"];
    let street = Fields::of(street, &street_at, &known, problems)?;
    let municipality = read_municipality(street, own, problems);
    let name = read_street(street, problems);
    let from = street.whole("from", 1..=MAX_NUMBER, problems);
    let to = street.whole("to", 1..=MAX_NUMBER, problems);
    let side = street.word("side", Side::Both, problems);
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        problems.add(&At::Field(&street_at, "to"), "must not be below from");
        return None;
    }
    Some(StreetAudience {
        municipality: municipality?,
        street: name?,
        from: from?,
        to: to?,
        side: side?,
        per_household: per_household?,
    })
}

fn read_municipality(
    street: Fields<'_>,
    own: Option<&str>,
    problems: &mut Problems,
) -> Option<String> {
    street.required("municipality", problems)?;
    let number = street.string("municipality", problems)?;
    let text = match own {
        _ if number.len() != 4 || !number.bytes().all(|b| b.is_ascii_digit()) => {
            "must be the municipality's number: 4 digits"
        }
        Some(own) if own == number => return Some(number.into()),
        Some(_) => "is not this agency's own municipality, the only one it may address",
        None => "cannot be addressed: this agency has no municipality of its own",
    };
    problems.add(&At::Field(street.at, "municipality"), text);
    None
}

fn read_street(street: Fields<'_>, problems: &mut Problems) -> Option<String> {
    street.required("street", problems)?;
    let name = street.string("street", problems)?.trim();
    let length = name.chars().count();
    if (1..=MAX_STREET).contains(&length) && !name.chars().any(char::is_control) {
        return Some(name.into());
    }
    let text = format!("must be the street's name, 1 to {MAX_STREET} characters");
    problems.add(&At::Field(street.at, "street"), text);
    None
}
