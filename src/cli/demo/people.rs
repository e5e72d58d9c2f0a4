//! Made-up people: synthetic identity numbers, phone numbers and domains that nobody has.

use serde_json::{Value, json};

use crate::domain::kinds::{Channel, Language};
use crate::domain::person::PersonNumber;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;

/// What is special about a person, and so what must become of a message to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Fresh mobile and e-mail.
    Ordinary,
    /// Reserved against digital letters.
    Reserved,
    /// Not in the register at all.
    Unregistered,
    /// SLETTET.
    Deleted,
    /// Both addresses older than 18 months.
    Stale,
    /// The mobile is too old for letters, the e-mail is fresh.
    StaleMobile,
    /// Registered, without any address.
    NoAddress,
    /// KAN_IKKE_VARSLES although the dates are fresh.
    NotNotifiable,
    /// E-mail only.
    EmailOnly,
    /// The gateway refuses the number for good; the e-mail works.
    RefusedNumber,
    /// The phone never answers: no receipt ever comes.
    SilentPhone,
    /// The phone cannot be reached, says a receipt; the e-mail works.
    DeadPhone,
    /// Wants Nynorsk.
    Nynorsk,
    /// Has the same mobile as the person before.
    SharedMobile,
}

/// What must become of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The final status.
    pub status: Status,
    /// Why.
    pub reason: Option<Reason>,
    /// On which channel the message went out, if it did.
    pub channel: Option<Channel>,
}

const fn sent(status: Status, channel: Channel) -> Expected {
    Expected {
        status,
        reason: None,
        channel: Some(channel),
    }
}

const fn not_sent(reason: Reason) -> Expected {
    Expected {
        status: Status::NotSent,
        reason: Some(reason),
        channel: None,
    }
}

impl Kind {
    /// Of a letter, preferred by SMS.
    pub const fn of_letter(self) -> Expected {
        match self {
            Self::Ordinary | Self::Nynorsk | Self::SharedMobile => {
                sent(Status::Delivered, Channel::Sms)
            }
            Self::SilentPhone => sent(Status::Sent, Channel::Sms),
            Self::Reserved => not_sent(Reason::Reserved),
            Self::Unregistered => not_sent(Reason::NotRegistered),
            Self::Deleted => not_sent(Reason::Deleted),
            Self::Stale => not_sent(Reason::StaleAddress),
            Self::NoAddress => not_sent(Reason::NoAddress),
            Self::NotNotifiable => not_sent(Reason::NotNotifiable),
            Self::StaleMobile | Self::EmailOnly | Self::RefusedNumber | Self::DeadPhone => {
                sent(Status::Sent, Channel::Email)
            }
        }
    }

    /// Of a service message, preferred by SMS.
    pub const fn of_service_message(self) -> Expected {
        match self {
            Self::Ordinary
            | Self::Nynorsk
            | Self::Reserved
            | Self::Stale
            | Self::StaleMobile
            | Self::NotNotifiable => sent(Status::Delivered, Channel::Sms),
            Self::SilentPhone => sent(Status::Sent, Channel::Sms),
            Self::SharedMobile => not_sent(Reason::Covered),
            Self::Unregistered => not_sent(Reason::NotRegistered),
            Self::Deleted => not_sent(Reason::Deleted),
            Self::NoAddress => not_sent(Reason::NoAddress),
            Self::EmailOnly | Self::RefusedNumber | Self::DeadPhone => {
                sent(Status::Sent, Channel::Email)
            }
        }
    }
}

/// One made-up person.
#[derive(Debug, Clone)]
pub struct Person {
    /// What is special.
    pub kind: Kind,
    /// Synthetic.
    pub number: PersonNumber,
    /// The last digits say what the sandbox does with it.
    pub mobile: String,
    /// At a domain that nobody has.
    pub email: String,
    /// The language in the register.
    pub language: Language,
}

/// Numbers ending so are refused by the sandbox gateway.
pub const REFUSED: &str = "13";
/// Numbers ending so never get a receipt.
pub const SILENT: &str = "77";
/// Numbers ending so get a receipt that they failed.
pub const DEAD: &str = "99";

impl Person {
    /// The `index`-th of all people, with `block` telling scenarios apart.
    pub fn new(block: u32, index: u32, kind: Kind) -> Self {
        let seed = block * 1_000_000 + index;
        // Five digits of the person, then two that say what happens: 00, or one of the above.
        let end = match kind {
            Kind::RefusedNumber => REFUSED,
            Kind::SilentPhone => SILENT,
            Kind::DeadPhone => DEAD,
            Kind::Ordinary
            | Kind::Reserved
            | Kind::Unregistered
            | Kind::Deleted
            | Kind::Stale
            | Kind::StaleMobile
            | Kind::NoAddress
            | Kind::NotNotifiable
            | Kind::EmailOnly
            | Kind::Nynorsk
            | Kind::SharedMobile => "00",
        };
        // One of a pair: the person before has the same number, and is ordinary.
        let owner = if kind == Kind::SharedMobile {
            index - 1
        } else {
            index
        };
        Self {
            kind,
            number: PersonNumber::synthetic(seed),
            mobile: format!("+479{block}{:04}{end}", owner % 10_000),
            email: format!("innbygger{seed}@post{}.example", index % 7),
            language: if kind == Kind::Nynorsk {
                Language::Nn
            } else {
                Language::Nb
            },
        }
    }

    /// The register's object; `None` if the register does not know the person.
    pub fn document(&self, now: Timestamp) -> Option<Value> {
        let fresh = now
            .minus(std::time::Duration::from_hours(24 * 100))
            .to_string();
        let old = now
            .minus(std::time::Duration::from_hours(24 * 800))
            .to_string();
        let mobile_date = if matches!(self.kind, Kind::Stale | Kind::StaleMobile) {
            &old
        } else {
            &fresh
        };
        let email_date = if self.kind == Kind::Stale {
            &old
        } else {
            &fresh
        };
        let mut contact = json!({
            "mobiltelefonnummer": self.mobile,
            "mobiltelefonnummer_oppdatert": mobile_date,
            "epostadresse": self.email,
            "epostadresse_sist_verifisert": email_date,
        });
        let (mut status, mut reserved, mut notifiable) = ("AKTIV", "NEI", "KAN_VARSLES");
        match self.kind {
            Kind::Unregistered => return None,
            Kind::Deleted => {
                (status, contact, notifiable) = ("SLETTET", json!({}), "KAN_IKKE_VARSLES");
            }
            Kind::Reserved => (reserved, notifiable) = ("JA", "KAN_IKKE_VARSLES"),
            Kind::Stale | Kind::NotNotifiable => notifiable = "KAN_IKKE_VARSLES",
            Kind::NoAddress => (contact, notifiable) = (json!({}), "KAN_IKKE_VARSLES"),
            Kind::EmailOnly => {
                contact = json!({"epostadresse": self.email, "epostadresse_oppdatert": email_date});
            }
            Kind::Ordinary
            | Kind::StaleMobile
            | Kind::RefusedNumber
            | Kind::SilentPhone
            | Kind::DeadPhone
            | Kind::Nynorsk
            | Kind::SharedMobile => {}
        }
        Some(json!({
            "personidentifikator": self.number.expose(),
            "reservasjon": reserved,
            "status": status,
            "varslingsstatus": notifiable,
            "spraak": self.language,
            "kontaktinformasjon": contact,
        }))
    }
}
