//! The flat names of the contract's CSV, and the register's nested object.

use crate::domain::krr_person::{KrrContact, KrrMailbox, KrrPerson};

/// The header, in the contract's order.
pub const COLUMNS: [&str; 13] = [
    "personidentifikator",
    "reservasjon",
    "status",
    "varslingsstatus",
    "epostadresse",
    "epostadresse_oppdatert",
    "epostadresse_sist_verifisert",
    "mobiltelefonnummer",
    "mobiltelefonnummer_oppdatert",
    "mobiltelefonnummer_sist_verifisert",
    "spraak",
    "postkasseadresse",
    "postkasseleverandoeradresse",
];

/// Names that are read, too, where somebody has them.
pub const MORE_COLUMNS: [&str; 2] = ["epostadresse_duplisert", "mobiltelefonnummer_duplisert"];

/// A person out of a row; `cell` answers `None` where a column is absent or blank.
pub fn to_person(cell: impl Fn(&str) -> Option<String>) -> KrrPerson {
    KrrPerson {
        personidentifikator: cell("personidentifikator").unwrap_or_default(),
        reservasjon: cell("reservasjon"),
        status: cell("status"),
        varslingsstatus: cell("varslingsstatus"),
        kontaktinformasjon: Some(KrrContact {
            epostadresse: cell("epostadresse"),
            epostadresse_oppdatert: cell("epostadresse_oppdatert"),
            epostadresse_sist_verifisert: cell("epostadresse_sist_verifisert"),
            epostadresse_duplisert: cell("epostadresse_duplisert"),
            mobiltelefonnummer: cell("mobiltelefonnummer"),
            mobiltelefonnummer_oppdatert: cell("mobiltelefonnummer_oppdatert"),
            mobiltelefonnummer_sist_verifisert: cell("mobiltelefonnummer_sist_verifisert"),
            mobiltelefonnummer_duplisert: cell("mobiltelefonnummer_duplisert"),
            ..KrrContact::default()
        }),
        digital_post: Some(KrrMailbox {
            postkasseadresse: cell("postkasseadresse"),
            postkasseleverandoeradresse: cell("postkasseleverandoeradresse"),
        }),
        spraak: cell("spraak"),
        ..KrrPerson::default()
    }
}

/// A row out of a person, in the order of [`COLUMNS`].
pub fn to_row(person: &KrrPerson) -> [&str; 13] {
    let contact = person.kontaktinformasjon.as_ref();
    let mailbox = person.digital_post.as_ref();
    [
        &person.personidentifikator,
        person.reservasjon.as_deref().unwrap_or_default(),
        person.status.as_deref().unwrap_or_default(),
        person.varslingsstatus.as_deref().unwrap_or_default(),
        contact
            .and_then(|c| c.epostadresse.as_deref())
            .unwrap_or_default(),
        contact
            .and_then(|c| c.epostadresse_oppdatert.as_deref())
            .unwrap_or_default(),
        contact
            .and_then(|c| c.epostadresse_sist_verifisert.as_deref())
            .unwrap_or_default(),
        contact
            .and_then(|c| c.mobiltelefonnummer.as_deref())
            .unwrap_or_default(),
        contact
            .and_then(|c| c.mobiltelefonnummer_oppdatert.as_deref())
            .unwrap_or_default(),
        contact
            .and_then(|c| c.mobiltelefonnummer_sist_verifisert.as_deref())
            .unwrap_or_default(),
        person.spraak.as_deref().unwrap_or_default(),
        mailbox
            .and_then(|m| m.postkasseadresse.as_deref())
            .unwrap_or_default(),
        mailbox
            .and_then(|m| m.postkasseleverandoeradresse.as_deref())
            .unwrap_or_default(),
    ]
}
