//! What the Contact and Reservation Register says of a person, in our words.
//!
//! Facts of `domain.md` 1.4 and 1.5: both channels carry their own dates, blank is absent, an
//! unknown code fails towards *not notifiable* for letters.

use serde::{Deserialize, Serialize};

use super::email::EmailAddress;
use super::kinds::{Channel, Language};
use super::person::PersonNumber;
use super::phone::PhoneNumber;
use super::time::Timestamp;

/// `status` of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Registration {
    /// AKTIV
    Active,
    /// SLETTET; may also mean that the person has a new number.
    Deleted,
    /// IKKE_REGISTRERT
    NotRegistered,
    /// A code we do not know.
    Other,
}

/// `varslingsstatus` of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notifiable {
    /// KAN_VARSLES
    Yes,
    /// KAN_IKKE_VARSLES, or a code we do not know.
    No,
    /// The answer did not say.
    Unstated,
}

/// One address with its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated<A> {
    /// The address; `Err` holds nothing but the fact that the register's text was no address.
    pub address: Result<A, UnusableAddress>,
    /// When the person last changed it.
    pub updated: Option<Timestamp>,
    /// When the person last confirmed it.
    pub verified: Option<Timestamp>,
    /// The same address stands on another person too.
    pub shared: bool,
}

/// The register gave a text that is no usable address. The text itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusableAddress;

/// What the register said of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Whom it is about.
    pub person: PersonNumber,
    /// Reserved against digital letters (`reservasjon` = JA, or a code we do not know).
    pub reserved: bool,
    /// Registered at all?
    pub registration: Registration,
    /// The register's own verdict.
    pub notifiable: Notifiable,
    /// Mobile number.
    pub mobile: Option<Dated<PhoneNumber>>,
    /// E-mail address.
    pub email: Option<Dated<EmailAddress>>,
    /// Language chosen.
    pub language: Option<Language>,
}

impl Contact {
    /// The answer for a person that the register does not know.
    pub fn not_registered(person: PersonNumber) -> Self {
        Self {
            person,
            reserved: false,
            registration: Registration::NotRegistered,
            notifiable: Notifiable::No,
            mobile: None,
            email: None,
            language: None,
        }
    }

    /// The later of updated and verified on the channel (`domain.md` 1.5).
    pub fn freshest(&self, channel: Channel) -> Option<Timestamp> {
        match channel {
            Channel::Sms => self.mobile.as_ref().and_then(|d| d.updated.max(d.verified)),
            Channel::Email => self.email.as_ref().and_then(|d| d.updated.max(d.verified)),
        }
    }
}
