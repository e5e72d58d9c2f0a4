//! A person as the register answers about them, with every field that it is known to have.

use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::profile::Profile;
use crate::adapters::krr::wire::CONTACT_SCOPES;
use crate::domain::person::PersonNumber;
use crate::sandbox::wall::now;

/// What the scopes of [`CONTACT_SCOPES`] give.
pub const CONTACT_FIELDS: [&str; 4] = [
    "kontaktinformasjon",
    "varslingsstatus",
    "spraak",
    "spraak_oppdatert",
];

/// A person: what the register knows, before it is cut down to what a scope gives.
#[derive(Clone, PartialEq)]
pub struct Person {
    number: PersonNumber,
    document: Map<String, Value>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(***)")
    }
}

/// Both shapes of dates that real answers hold (`domain.md` 1.4).
fn date(months_ago: i64, number: &PersonNumber) -> String {
    let now = now().to_zoned(TimeZone::UTC);
    // A day more, so that 18 months ago is more than 18 months ago whatever the hour.
    let at = now
        .saturating_sub(months_ago.months())
        .saturating_sub(1.day());
    if number.expose().ends_with(['0', '2', '4', '6', '8']) {
        at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    } else {
        let at = at.with_time_zone(TimeZone::fixed(jiff::tz::offset(2)));
        at.strftime("%Y-%m-%dT%H:%M:%S+02").to_string()
    }
}

/// A mobile number made of an identity number, evenly among the 20 million that there are.
pub fn mobile_of(number: &PersonNumber) -> String {
    // FNV-1a; nothing depends on which number it is, only that it is always the same.
    let hash = number
        .expose()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let first = if hash % 2 == 0 { 4 } else { 9 };
    format!("+47{first}{:07}", (hash >> 1) % 10_000_000)
}

impl Person {
    /// Somebody who is registered, fresh and not reserved.
    pub fn ordinary(number: PersonNumber) -> Self {
        let (changed, confirmed) = (date(30, &number), date(2, &number));
        let mobile = mobile_of(&number);
        let contact = json!({
            "epostadresse": format!("person{}@example.no", &mobile[3..]),
            "epostadresse_oppdatert": changed, "epostadresse_sist_verifisert": confirmed,
            "epostadresse_sist_validert": confirmed, "epostadresse_duplisert": "NEI",
            "mobiltelefonnummer": mobile,
            "mobiltelefonnummer_oppdatert": changed, "mobiltelefonnummer_sist_verifisert": confirmed,
            "mobiltelefonnummer_sist_validert": confirmed, "mobiltelefonnummer_duplisert": "NEI",
        });
        let document = json!({
            "personidentifikator": number.expose(),
            "reservasjon": "NEI", "reservasjon_oppdatert": changed,
            "status": "AKTIV", "varslingsstatus": "KAN_VARSLES",
            "kontaktinformasjon": contact,
            "spraak": "nb", "spraak_oppdatert": changed, "oppdatert": confirmed,
        });
        let document = document.as_object().cloned().unwrap_or_default();
        Self { number, document }
    }

    /// Somebody whom the register does not know.
    pub fn not_registered(number: PersonNumber) -> Self {
        let mut document = Map::new();
        document.insert("personidentifikator".into(), number.expose().into());
        document.insert("reservasjon".into(), "NEI".into());
        document.insert("status".into(), "IKKE_REGISTRERT".into());
        document.insert("varslingsstatus".into(), "KAN_IKKE_VARSLES".into());
        Self { number, document }
    }

    /// The person of a profile.
    pub fn of(profile: Profile) -> Self {
        let number = profile.number();
        let old = date(19, &number);
        if profile == Profile::NotRegistered {
            return Self::not_registered(number);
        }
        let person = Self::ordinary(number.clone());
        match profile {
            Profile::MobileEmail | Profile::NotRegistered => person,
            Profile::MobileEmailMailbox => person.with_mailbox("ola.nordmann#9YDT", "984661185"),
            Profile::MobileOnly => person.without_channel("epostadresse"),
            Profile::EmailOnly => person.without_channel("mobiltelefonnummer"),
            Profile::Deleted => person.only_status("SLETTET"),
            Profile::Expired => person
                .dated("epostadresse", &old, &old)
                .dated("mobiltelefonnummer", &old, &old)
                .with("varslingsstatus", "KAN_IKKE_VARSLES"),
            Profile::Reset => person
                .contact("epostadresse", "NULLstillt@default.digdir.no")
                .contact("mobiltelefonnummer", "+4799999999"),
            Profile::Reserved => person
                .with("reservasjon", "JA")
                .with("reservasjonstidspunkt", &old)
                .with("varslingsstatus", "KAN_IKKE_VARSLES"),
            Profile::StaleMobile => person.dated("mobiltelefonnummer", &old, &old),
            Profile::StaleEmail => person.dated("epostadresse", &old, &old),
            Profile::ConfirmedLately => {
                let lately = date(17, &number);
                person.dated("epostadresse", &old, &lately).dated(
                    "mobiltelefonnummer",
                    &old,
                    &lately,
                )
            }
            Profile::Shared => person
                .contact("epostadresse_duplisert", "JA")
                .contact("mobiltelefonnummer_duplisert", "JA"),
            Profile::NoAddress => person
                .without_channel("epostadresse")
                .without_channel("mobiltelefonnummer")
                .with("varslingsstatus", "KAN_IKKE_VARSLES"),
            Profile::Nynorsk => person.with("spraak", "nn"),
            Profile::English => person.with("spraak", "en"),
            Profile::Sami => person.with("spraak", "se"),
            Profile::Blanks => person
                .contact("epostadresse", "")
                .contact("epostadresse_duplisert", "")
                .contact("mobiltelefonnummer", "  ")
                .contact("mobiltelefonnummer_oppdatert", "")
                .with_mailbox("", "")
                .with("sertifikat", "")
                .with("spraak", "")
                .with("reservasjonstidspunkt", ""),
            Profile::UnknownCodes => person
                .with("reservasjon", "KANSKJE")
                .with("status", "FLYTTET")
                .with("varslingsstatus", "BØR_VARSLES")
                .with("spraak", "fkv"),
            Profile::Abroad => person.contact("mobiltelefonnummer", "+46701234567"),
            Profile::Unusable => person
                .contact("epostadresse", "ikke en adresse")
                .contact("mobiltelefonnummer", "ukjent"),
            Profile::NotNotifiable => person.with("varslingsstatus", "KAN_IKKE_VARSLES"),
        }
    }

    /// With `field` at the top set to `text`.
    #[must_use]
    pub fn with(mut self, field: &str, text: &str) -> Self {
        self.document.insert(field.to_owned(), text.into());
        self
    }

    /// With `field` of the addresses set to `text`.
    #[must_use]
    pub fn contact(mut self, field: &str, text: &str) -> Self {
        if let Some(contact) = self.addresses() {
            contact.insert(field.to_owned(), text.into());
        }
        self
    }

    /// With both dates of a channel set.
    #[must_use]
    pub fn dated(self, channel: &str, changed: &str, confirmed: &str) -> Self {
        self.contact(&format!("{channel}_oppdatert"), changed)
            .contact(&format!("{channel}_sist_verifisert"), confirmed)
    }

    /// With a mailbox and its certificate.
    #[must_use]
    pub fn with_mailbox(mut self, address: &str, provider: &str) -> Self {
        let mailbox = json!({"postkasseadresse": address, "postkasseleverandoeradresse": provider});
        self.document.insert("digital_post".to_owned(), mailbox);
        self.with("sertifikat", "MIIB")
    }

    /// Without anything of a channel.
    #[must_use]
    pub fn without_channel(mut self, channel: &str) -> Self {
        if let Some(contact) = self.addresses() {
            contact.retain(|field, _| !field.starts_with(channel));
        }
        self
    }

    /// Without anything but the status and what is always there.
    #[must_use]
    pub fn only_status(mut self, status: &str) -> Self {
        let kept = ["personidentifikator", "reservasjon", "status"];
        self.document
            .retain(|field, _| kept.contains(&field.as_str()));
        self.with("status", status)
            .with("varslingsstatus", "KAN_IKKE_VARSLES")
    }

    fn addresses(&mut self) -> Option<&mut Map<String, Value>> {
        self.document.get_mut("kontaktinformasjon")?.as_object_mut()
    }

    /// The person's number.
    pub const fn number(&self) -> &PersonNumber {
        &self.number
    }

    /// What a token with these scopes is shown (`domain.md` 1.3). Reservation and status are shown
    /// to everybody.
    pub fn shown_to(&self, scopes: &[String]) -> Value {
        let has = |names: &[&str]| scopes.iter().any(|scope| names.contains(&scope.as_str()));
        let mut document = self.document.clone();
        if !has(&CONTACT_SCOPES) {
            for field in [
                "kontaktinformasjon",
                "varslingsstatus",
                "spraak",
                "spraak_oppdatert",
            ] {
                document.remove(field);
            }
        }
        if !has(&["krr:global/digitalpost.read", "krr:global/postkasse.read"]) {
            for field in ["digital_post", "sertifikat"] {
                document.remove(field);
            }
        }
        Value::Object(document)
    }
}
