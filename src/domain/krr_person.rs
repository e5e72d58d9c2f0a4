//! A person in the words of the Contact and Reservation Register (`Person` of
//! `POST /rest/v2/personer`), and what it means to us.
//!
//! Traps that were met in real answers: dates come as RFC 3339 and with an offset of hours only
//! (`+02`); a blank text means absent; unknown codes fail towards *not notifiable*.

use serde::{Deserialize, Serialize};

use super::contact::{Contact, Dated, Notifiable, Registration, UnusableAddress};
use super::email::EmailAddress;
use super::kinds::Language;
use super::person::PersonNumber;
use super::phone::PhoneNumber;
use super::time::Timestamp;

/// The register's object, as it comes. Fields that nobody documents are kept out.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KrrPerson {
    /// Eleven digits.
    pub personidentifikator: String,
    /// `JA` or `NEI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservasjon: Option<String>,
    /// Since when the person is reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservasjonstidspunkt: Option<String>,
    /// When the person last said whether they are reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservasjon_oppdatert: Option<String>,
    /// `AKTIV`, `SLETTET` or `IKKE_REGISTRERT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `KAN_VARSLES` or `KAN_IKKE_VARSLES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub varslingsstatus: Option<String>,
    /// Addresses; absent without the scope, or when the person has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kontaktinformasjon: Option<KrrContact>,
    /// The digital mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digital_post: Option<KrrMailbox>,
    /// The certificate of the mailbox's holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sertifikat: Option<String>,
    /// `nb`, `nn`, `en` or `se`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spraak: Option<String>,
    /// When the language was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spraak_oppdatert: Option<String>,
    /// When anything of the person was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oppdatert: Option<String>,
}

/// `kontaktinformasjon`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the register's own names")]
pub struct KrrContact {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epostadresse: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epostadresse_oppdatert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epostadresse_sist_verifisert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epostadresse_sist_validert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epostadresse_duplisert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobiltelefonnummer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobiltelefonnummer_oppdatert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobiltelefonnummer_sist_verifisert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobiltelefonnummer_sist_validert: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobiltelefonnummer_duplisert: Option<String>,
}

/// `digital_post`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the register's own names")]
pub struct KrrMailbox {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postkasseadresse: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postkasseleverandoeradresse: Option<String>,
}

impl std::fmt::Debug for KrrPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KrrPerson(***)")
    }
}

impl std::fmt::Debug for KrrContact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KrrContact(***)")
    }
}

impl std::fmt::Debug for KrrMailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KrrMailbox(***)")
    }
}

/// Blank is absent.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

impl KrrPerson {
    /// What it says of `person`.
    pub fn to_contact(&self, person: PersonNumber) -> Contact {
        let registration = match given(self.status.as_ref()) {
            Some("AKTIV") | None => Registration::Active,
            Some("SLETTET") => Registration::Deleted,
            Some("IKKE_REGISTRERT") => Registration::NotRegistered,
            Some(_unknown) => Registration::Other,
        };
        let notifiable = match given(self.varslingsstatus.as_ref()) {
            Some("KAN_VARSLES") => Notifiable::Yes,
            None => Notifiable::Unstated,
            Some(_no_or_unknown) => Notifiable::No,
        };
        let nothing = KrrContact::default();
        let contact = self.kontaktinformasjon.as_ref().unwrap_or(&nothing);
        Contact {
            person,
            // Anything but an explicit NEI counts as reserved: letters fail closed.
            reserved: !matches!(given(self.reservasjon.as_ref()), Some("NEI") | None),
            registration,
            notifiable,
            mobile: given(contact.mobiltelefonnummer.as_ref()).map(|raw| Dated {
                address: PhoneNumber::parse(raw).map_err(|_unusable| UnusableAddress),
                updated: date(contact.mobiltelefonnummer_oppdatert.as_ref()),
                verified: date(contact.mobiltelefonnummer_sist_verifisert.as_ref()),
                shared: given(contact.mobiltelefonnummer_duplisert.as_ref()) == Some("JA"),
            }),
            email: given(contact.epostadresse.as_ref()).map(|raw| Dated {
                address: EmailAddress::parse(raw).map_err(|_unusable| UnusableAddress),
                updated: date(contact.epostadresse_oppdatert.as_ref()),
                verified: date(contact.epostadresse_sist_verifisert.as_ref()),
                shared: given(contact.epostadresse_duplisert.as_ref()) == Some("JA"),
            }),
            language: given(self.spraak.as_ref()).and_then(Language::from_word),
        }
    }
}

/// Reads a date of the register; one that cannot be read is no date, so the address is too old.
fn date(text: Option<&String>) -> Option<Timestamp> {
    read_date(given(text)?)
}

/// Reads `2023-08-05T10:45:15.768Z` and `2023-06-10T21:00:01+02`.
pub fn read_date(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(Timestamp::from_jiff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(json: &str) -> Contact {
        let krr: KrrPerson = serde_json::from_str(json).unwrap();
        krr.to_contact(PersonNumber::parse("20914695016").unwrap())
    }

    #[test]
    fn both_shapes_of_dates_are_read() {
        assert_eq!(
            read_date("2023-08-05T10:45:15.768Z"),
            Some(Timestamp(1_691_232_315_768_000))
        );
        assert_eq!(
            read_date("2023-06-10T21:00:01+02"),
            read_date("2023-06-10T19:00:01Z")
        );
        assert!(read_date("2023-06-10T21:00:01+02").is_some());
        assert_eq!(read_date("yesterday"), None);
    }

    #[test]
    fn blank_is_absent_and_unknown_codes_fail_closed() {
        let contact = person(
            r#"{"personidentifikator":"20914695016","reservasjon":"KANSKJE","status":"NY",
                "varslingsstatus":"?","kontaktinformasjon":{"epostadresse":" ","mobiltelefonnummer":""},
                "spraak":"xx","digital_post":{"postkasseadresse":""},"sertifikat":""}"#,
        );
        assert!(contact.reserved);
        assert_eq!(contact.registration, Registration::Other);
        assert_eq!(contact.notifiable, Notifiable::No);
        assert_eq!(
            (contact.mobile, contact.email, contact.language),
            (None, None, None)
        );
    }

    #[test]
    fn an_ordinary_person_is_read_whole() {
        let contact = person(
            r#"{"personidentifikator":"20914695016","reservasjon":"NEI","status":"AKTIV",
                "varslingsstatus":"KAN_VARSLES","spraak":"nn",
                "kontaktinformasjon":{"epostadresse":"Kari@Example.no","epostadresse_oppdatert":"2026-01-01T00:00:00Z",
                "mobiltelefonnummer":"+4799999999","mobiltelefonnummer_sist_verifisert":"2026-02-01T00:00:00+01",
                "mobiltelefonnummer_duplisert":"JA"}}"#,
        );
        assert!(!contact.reserved);
        assert_eq!(contact.language, Some(Language::Nn));
        let mobile = contact.mobile.unwrap();
        assert!(mobile.shared && mobile.address.is_ok() && mobile.verified.is_some());
        assert!(contact.email.unwrap().address.is_ok());
    }
}
