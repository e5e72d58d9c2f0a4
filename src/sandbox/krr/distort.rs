//! What a fault makes of an answer, whoever wrote it.

use serde_json::Value;

use super::handler::Asked;
use super::knobs::{KrrFault, KrrKnobs};
use super::person::Person;
use crate::domain::person::PersonNumber;

/// Whether anything of the persons in an answer is to be changed.
pub(super) fn concerns_persons(fault: Option<&KrrFault>, knobs: &KrrKnobs) -> bool {
    !knobs.left_out.is_empty()
        || matches!(
            fault,
            Some(
                KrrFault::Nobody
                    | KrrFault::HalfLeftOut
                    | KrrFault::Stranger
                    | KrrFault::Contradiction
                    | KrrFault::Without(_)
            )
        )
}

/// Changes the persons of an answer.
pub(super) fn persons(
    persons: &mut Vec<Value>,
    Asked { numbers, scopes }: &Asked,
    knobs: &KrrKnobs,
    fault: Option<&KrrFault>,
) {
    persons.retain(|person| {
        let number = person["personidentifikator"].as_str().unwrap_or_default();
        let is_it = |one: &PersonNumber| one.expose() == number;
        !knobs.left_out.iter().any(is_it)
    });
    match fault {
        Some(KrrFault::Nobody) => persons.clear(),
        Some(KrrFault::HalfLeftOut) => {
            let mut keep = false;
            persons.retain(|_| {
                keep = !keep;
                keep
            });
        }
        Some(KrrFault::Stranger) => {
            let stranger = Person::ordinary(PersonNumber::synthetic(26_500_000));
            persons.push(stranger.shown_to(scopes));
        }
        Some(KrrFault::Contradiction) => {
            let again = numbers.iter().map(|number| {
                Person::ordinary(number.clone())
                    .with("reservasjon", "JA")
                    .shown_to(scopes)
            });
            persons.extend(again);
        }
        Some(KrrFault::Without(fields)) => {
            for person in persons.iter_mut().filter_map(Value::as_object_mut) {
                person.retain(|name, _| !fields.contains(&name.as_str()));
            }
        }
        Some(_) | None => {}
    }
}

/// Half of a text.
pub(super) fn half(text: &[u8]) -> Vec<u8> {
    text[..text.len() / 2].to_vec()
}

/// A signed text whose signature does not fit.
pub(super) fn forged(signed: &[u8]) -> Vec<u8> {
    let mut text = signed.to_vec();
    let signature = text.iter().rposition(|byte| *byte == b'.');
    if let Some(first) = signature.and_then(|dot| text.get_mut(dot + 1)) {
        *first = if *first == b'A' { b'B' } else { b'A' };
    }
    text
}
