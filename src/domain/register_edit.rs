//! What a person changes about herself in the local register, in the register's own words.
//!
//! The document is changed where the person said so and left as it is everywhere else, fields that
//! nobody here knows included.

use serde_json::{Map, Value};

use super::email::EmailAddress;
use super::kinds::{Channel, Language};
use super::person::PersonNumber;
use super::phone::PhoneNumber;
use super::time::Timestamp;

/// The providers of digital mailboxes by their organisation numbers (`domain.md` 1.4).
pub const MAILBOX_PROVIDERS: [(&str, &str); 2] =
    [("984661185", "Digipost"), ("922020175", "e-Boks")];
/// The longest mailbox address, in characters.
const LONGEST_MAILBOX: usize = 50;

/// A digital mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    provider: &'static str,
    address: String,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox(***)")
    }
}

/// Why something is no digital mailbox. The texts never repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// Nobody's organisation number.
    #[error("is no provider of digital mailboxes")]
    Provider,
    /// Not of the form `ola.nordmann#9YDT`.
    #[error("is no address of a digital mailbox; it looks like ola.nordmann#9YDT")]
    Address,
}

impl Mailbox {
    /// Reads a provider's organisation number and the mailbox address there: 3 to 50 letters,
    /// digits and `.#-_`.
    ///
    /// # Errors
    /// [`MailboxError`].
    pub fn parse(provider: &str, address: &str) -> Result<Self, MailboxError> {
        let known = MAILBOX_PROVIDERS.iter().find(|(org, _)| *org == provider);
        let (provider, _) = known.ok_or(MailboxError::Provider)?;
        let address = address.trim();
        let fits = |c: char| c.is_alphanumeric() || ".#-_".contains(c);
        if !(3..=LONGEST_MAILBOX).contains(&address.chars().count()) || !address.chars().all(fits) {
            return Err(MailboxError::Address);
        }
        Ok(Self {
            provider,
            address: address.to_owned(),
        })
    }
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// A new number, proved with a code.
    Mobile(PhoneNumber),
    /// A new address, proved with a code.
    Email(EmailAddress),
    /// The address on the channel still holds.
    Confirm(Channel),
    /// No address on the channel any more.
    Remove(Channel),
    /// The language of messages.
    Language(Language),
    /// Whether the person is reserved against digital letters.
    Reservation(bool),
    /// The digital mailbox, or none.
    Mailbox(Option<Mailbox>),
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Change(***)")
    }
}

/// What is in the register is no object, so that nothing can be changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the person's document in the register is no JSON object")]
pub struct NoObject;

/// Where the addresses stand.
const CONTACT: &str = "kontaktinformasjon";

/// The register's name of a channel's address.
const fn field(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "mobiltelefonnummer",
        Channel::Email => "epostadresse",
    }
}

/// The address on a channel as it stands in the document.
pub fn address(document: Option<&str>, channel: Channel) -> Option<String> {
    let whole: Value = serde_json::from_str(document?).ok()?;
    let address = whole.get(CONTACT)?.get(field(channel))?.as_str()?;
    Some(address.to_owned())
}

/// The person's document (`None`: not in the register yet) after the change, made at `now`.
///
/// # Errors
/// [`NoObject`].
pub fn edit(
    document: Option<&str>,
    person: &PersonNumber,
    change: &Change,
    now: Timestamp,
) -> Result<String, NoObject> {
    let mut whole = match document {
        Some(text) => match serde_json::from_str(text) {
            Ok(Value::Object(whole)) => whole,
            Ok(_) | Err(_) => return Err(NoObject),
        },
        None => Map::new(),
    };
    let at = now.to_string();
    let whole = &mut whole;
    set(whole, "personidentifikator", person.expose());
    // Whoever changes something here is registered, and can be notified unless reserved.
    set(whole, "status", "AKTIV");
    set(whole, "oppdatert", &at);
    match change {
        Change::Mobile(number) => proved(whole, Channel::Sms, number.expose(), &at),
        Change::Email(address) => proved(whole, Channel::Email, address.expose(), &at),
        Change::Confirm(channel) => {
            let name = field(*channel);
            within(whole, CONTACT, |contact| {
                if contact.contains_key(name) {
                    contact.insert(format!("{name}_sist_verifisert"), at.into());
                }
            });
        }
        Change::Remove(channel) => forget(whole, *channel),
        Change::Language(language) => {
            set(whole, "spraak", language.as_str());
            set(whole, "spraak_oppdatert", &at);
        }
        Change::Reservation(reserved) => {
            set(whole, "reservasjon", if *reserved { "JA" } else { "NEI" });
            set(whole, "reservasjon_oppdatert", &at);
            if *reserved {
                set(whole, "reservasjonstidspunkt", &at);
            } else {
                whole.remove("reservasjonstidspunkt");
            }
        }
        Change::Mailbox(None) => {
            whole.remove("digital_post");
            whole.remove("sertifikat");
        }
        Change::Mailbox(Some(mailbox)) => {
            // The certificate was that of the old one.
            whole.remove("sertifikat");
            within(whole, "digital_post", |post| {
                let (address, provider) = (mailbox.address.clone(), mailbox.provider);
                post.insert("postkasseadresse".into(), address.into());
                post.insert("postkasseleverandoeradresse".into(), provider.into());
            });
        }
    }
    whole.entry("reservasjon").or_insert_with(|| "NEI".into());
    match change {
        Change::Language(_) | Change::Mailbox(_) => {}
        Change::Mobile(_)
        | Change::Email(_)
        | Change::Confirm(_)
        | Change::Remove(_)
        | Change::Reservation(_) => notifiable(whole),
    }
    serde_json::to_string(whole).map_err(|_never| NoObject)
}

fn set(whole: &mut Map<String, Value>, key: &str, value: &str) {
    whole.insert(key.to_owned(), value.into());
}

/// `varslingsstatus` follows from the rest; it must not contradict what the person just did.
fn notifiable(whole: &mut Map<String, Value>) {
    let contact = whole.get(CONTACT);
    let given = |channel| {
        let text = contact.and_then(|contact| contact.get(field(channel)));
        text.and_then(Value::as_str)
            .is_some_and(|text| !text.trim().is_empty())
    };
    let is_reserved = whole.get("reservasjon").and_then(Value::as_str) != Some("NEI");
    let can = !is_reserved && (given(Channel::Sms) || given(Channel::Email));
    let word = if can {
        "KAN_VARSLES"
    } else {
        "KAN_IKKE_VARSLES"
    };
    whole.insert("varslingsstatus".into(), word.into());
}

/// Changes an object in the document, an empty one if there is none.
fn within(whole: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut object = match whole.remove(key) {
        Some(Value::Object(object)) => object,
        Some(_) | None => Map::new(),
    };
    change(&mut object);
    whole.insert(key.to_owned(), object.into());
}

/// A new address with its dates. Whether somebody else has it too is not known any more.
fn proved(whole: &mut Map<String, Value>, channel: Channel, address: &str, at: &str) {
    forget(whole, channel);
    let name = field(channel);
    within(whole, CONTACT, |contact| {
        contact.insert(name.to_owned(), address.into());
        for date in ["oppdatert", "sist_verifisert", "sist_validert"] {
            contact.insert(format!("{name}_{date}"), at.into());
        }
    });
}

fn forget(whole: &mut Map<String, Value>, channel: Channel) {
    let name = field(channel);
    within(whole, CONTACT, |contact| {
        contact.retain(|key, _| !key.starts_with(name));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::krr_person::KrrPerson;

    const BEFORE: &str = r#"{"personidentifikator":"20914695016","reservasjon":"NEI","status":"AKTIV",
        "ukjent":7,"kontaktinformasjon":{"mobiltelefonnummer":"+4799999998",
        "mobiltelefonnummer_oppdatert":"2020-01-01T00:00:00Z","mobiltelefonnummer_duplisert":"JA",
        "epostadresse":"ola@example.no"}}"#;

    fn person() -> PersonNumber {
        PersonNumber::parse("20914695016").unwrap()
    }

    fn edited(before: Option<&str>, change: &Change) -> Value {
        let now = Timestamp(1_900_000_000_000_000);
        serde_json::from_str(&edit(before, &person(), change, now).unwrap()).unwrap()
    }

    #[test]
    fn a_new_number_has_new_dates_and_the_rest_stays() {
        let number = PhoneNumber::parse("41234567").unwrap();
        let after = edited(Some(BEFORE), &Change::Mobile(number));
        let contact = &after["kontaktinformasjon"];
        assert_eq!(contact["mobiltelefonnummer"], "+4741234567");
        for date in ["oppdatert", "sist_verifisert", "sist_validert"] {
            assert_eq!(
                contact[format!("mobiltelefonnummer_{date}")],
                "2030-03-17T17:46:40.000Z"
            );
        }
        assert!(contact.get("mobiltelefonnummer_duplisert").is_none());
        assert_eq!(contact["epostadresse"], "ola@example.no");
        assert_eq!(after["ukjent"], 7);
    }

    #[test]
    fn somebody_who_was_not_there_is_registered() {
        let address = EmailAddress::parse("ny@example.no").unwrap();
        let after = edited(None, &Change::Email(address)).to_string();
        let krr: KrrPerson = serde_json::from_str(&after).unwrap();
        let contact = krr.to_contact(person());
        assert!(!contact.reserved && contact.mobile.is_none());
        assert!(contact.email.unwrap().verified.is_some());
        assert_eq!(krr.varslingsstatus.as_deref(), Some("KAN_VARSLES"));
    }

    #[test]
    fn whoever_is_reserved_or_has_no_address_cannot_be_notified() {
        let after = edited(Some(BEFORE), &Change::Reservation(true));
        assert_eq!(
            (&after["reservasjon"], &after["varslingsstatus"]),
            (&"JA".into(), &"KAN_IKKE_VARSLES".into())
        );
        assert!(after.get("reservasjonstidspunkt").is_some());
        let after = edited(Some(&after.to_string()), &Change::Reservation(false));
        assert_eq!(after["varslingsstatus"], "KAN_VARSLES");
        assert!(after.get("reservasjonstidspunkt").is_none());
        let after = edited(Some(&after.to_string()), &Change::Remove(Channel::Sms));
        let after = edited(Some(&after.to_string()), &Change::Remove(Channel::Email));
        assert_eq!(after["varslingsstatus"], "KAN_IKKE_VARSLES");
        assert_eq!(after["kontaktinformasjon"], serde_json::json!({}));
    }

    #[test]
    fn confirming_changes_one_date_only() {
        let after = edited(Some(BEFORE), &Change::Confirm(Channel::Sms));
        let contact = &after["kontaktinformasjon"];
        assert_eq!(
            contact["mobiltelefonnummer_oppdatert"],
            "2020-01-01T00:00:00Z"
        );
        assert_eq!(
            contact["mobiltelefonnummer_sist_verifisert"],
            "2030-03-17T17:46:40.000Z"
        );
        let after = edited(None, &Change::Confirm(Channel::Sms));
        assert_eq!(after["kontaktinformasjon"], serde_json::json!({}));
    }

    #[test]
    fn a_mailbox_has_a_known_provider_and_a_plausible_address() {
        let mailbox = Mailbox::parse("984661185", " ola.nordmann#9YDT ").unwrap();
        let after = edited(Some(BEFORE), &Change::Mailbox(Some(mailbox)));
        assert_eq!(
            after["digital_post"]["postkasseadresse"],
            "ola.nordmann#9YDT"
        );
        let after = edited(Some(&after.to_string()), &Change::Mailbox(None));
        assert!(after.get("digital_post").is_none());
        assert_eq!(
            Mailbox::parse("958935420", "ola#1"),
            Err(MailboxError::Provider)
        );
        for bad in ["", "a", "ola nordmann", "<b>", "ola@x"] {
            assert_eq!(
                Mailbox::parse("922020175", bad),
                Err(MailboxError::Address),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        for bad in ["[]", "7", "", "{"] {
            let change = Change::Reservation(true);
            assert_eq!(
                edit(Some(bad), &person(), &change, Timestamp(0)),
                Err(NoObject)
            );
        }
    }
}
