//! From the register's answer to what we know of the persons asked about. Pure.

use std::collections::HashMap;

use super::wire::Answer;
use crate::domain::contact::{Contact, Notifiable, Registration};
use crate::domain::krr_person::KrrPerson;
use crate::domain::person::PersonNumber;

/// What an answer holds.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Who was found in it.
    pub(super) contacts: Vec<Contact>,
    /// Who was asked about and is not in it.
    pub(super) missing: Vec<PersonNumber>,
    /// Persons in it that nobody asked about.
    pub(super) strangers: usize,
    /// Persons twice in it with different content.
    pub(super) contradictions: usize,
    /// Active persons in it, and none of them with the field group of addresses: the scope is
    /// missing, not everybody's addresses.
    pub(super) without_group: bool,
}

/// Matches by number, never by order.
pub(super) fn read(asked: &[PersonNumber], answer: Answer) -> Read {
    let mut found: HashMap<String, Vec<KrrPerson>> = HashMap::with_capacity(asked.len());
    let (mut active, mut grouped) = (false, false);
    for person in answer.personer {
        if says(person.status.as_ref()) == Some("AKTIV") {
            active = true;
            // The verdict comes with the group, also for those who have no address at all.
            grouped |= person.kontaktinformasjon.is_some()
                || says(person.varslingsstatus.as_ref()).is_some();
        }
        let number = person.personidentifikator.trim().to_owned();
        found.entry(number).or_default().push(person);
    }
    let mut read = Read {
        without_group: active && !grouped,
        ..Read::default()
    };
    for person in asked {
        let Some(mut same) = found.remove(person.expose()) else {
            read.missing.push(person.clone());
            continue;
        };
        same.dedup();
        match same.as_slice() {
            [one] => read.contacts.push(contact(one, person)),
            _ => {
                read.contradictions += 1;
                read.contacts.push(nothing_certain(person));
            }
        }
    }
    read.strangers = found.values().map(Vec::len).sum();
    read
}

fn says(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// What it says of one person. The register always says whether somebody is reserved and active
/// (`domain.md` 1.3), so that an answer without it is odd, and odd answers fail closed.
fn contact(krr: &KrrPerson, person: &PersonNumber) -> Contact {
    let mut contact = krr.to_contact(person.clone());
    contact.reserved |= says(krr.reservasjon.as_ref()).is_none();
    if says(krr.status.as_ref()).is_none() {
        contact.registration = Registration::Other;
    }
    if contact.notifiable == Notifiable::Unstated {
        contact.notifiable = Notifiable::No;
    }
    contact
}

fn nothing_certain(person: &PersonNumber) -> Contact {
    Contact {
        reserved: true,
        registration: Registration::Other,
        ..Contact::not_registered(person.clone())
    }
}
