//! What the register shows of a person to whoever asks: by the scopes of their token, and whole only
//! for somebody who is registered (`domain.md` 1.3 and 1.4).

use super::calendar;
use super::contact::Registration;
use super::kinds::Channel;
use super::krr_person::KrrPerson;
use super::person::PersonNumber;
use super::plan::FRESH_MONTHS;
use super::time::Timestamp;

/// Scopes that give addresses, dates, `varslingsstatus` and language. The second is what agencies
/// delegate to a supplier.
const ADDRESSES: [&str; 2] = [
    "krr:global/kontaktinformasjon.read",
    "krr:global/kontaktinfo.read",
];
/// Scopes that give the mailbox and its certificate.
const MAILBOX: [&str; 2] = ["krr:global/digitalpost.read", "krr:global/postkasse.read"];
/// The scope of the feed of changes, which holds addresses.
pub const CHANGES_SCOPE: &str = "krr:global/hentendring.read";

/// The groups of fields that are shown besides reservation and status, which everybody is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Addresses with their dates, `varslingsstatus`, language.
    pub addresses: bool,
    /// Mailbox and certificate.
    pub mailbox: bool,
}

impl Groups {
    /// Everything.
    pub const ALL: Self = Self {
        addresses: true,
        mailbox: true,
    };

    /// What these scopes give.
    pub fn of_scopes<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut groups = Self {
            addresses: false,
            mailbox: false,
        };
        for scope in scopes {
            groups.addresses |= ADDRESSES.contains(&scope);
            groups.mailbox |= MAILBOX.contains(&scope);
        }
        groups
    }

    /// Nothing but what everybody is shown who may look up at all.
    pub const fn is_none(self) -> bool {
        !self.addresses && !self.mailbox
    }
}

impl KrrPerson {
    /// What is said of somebody who is not in the register.
    pub fn not_registered(person: &PersonNumber) -> Self {
        Self {
            personidentifikator: person.expose().to_owned(),
            reservasjon: Some("NEI".to_owned()),
            status: Some("IKKE_REGISTRERT".to_owned()),
            varslingsstatus: Some("KAN_IKKE_VARSLES".to_owned()),
            ..Self::default()
        }
    }

    /// The part of it that `groups` shows at `now`. Somebody deleted or not registered has neither
    /// addresses nor mailbox; a `varslingsstatus` that is not stated follows from the rest.
    #[must_use]
    pub fn shown(mut self, person: &PersonNumber, groups: Groups, now: Timestamp) -> Self {
        let contact = self.to_contact(person.clone());
        let is_gone = match contact.registration {
            Registration::Deleted | Registration::NotRegistered => true,
            Registration::Active | Registration::Other => false,
        };
        let stated = self.varslingsstatus.take();
        if is_gone {
            self.kontaktinformasjon = None;
            self.spraak = None;
            self.spraak_oppdatert = None;
        }
        if is_gone || !groups.mailbox {
            self.digital_post = None;
            self.sertifikat = None;
        }
        if groups.addresses {
            let limit = calendar::months_before(now, FRESH_MONTHS);
            let fresh = |channel| contact.freshest(channel).is_some_and(|at| at >= limit);
            let can = contact.registration == Registration::Active
                && !contact.reserved
                && (fresh(Channel::Sms) || fresh(Channel::Email));
            let verdict = if can {
                "KAN_VARSLES"
            } else {
                "KAN_IKKE_VARSLES"
            };
            let stated = stated.filter(|text| !is_gone && !text.trim().is_empty());
            self.varslingsstatus = Some(stated.unwrap_or_else(|| verdict.to_owned()));
        } else {
            self.kontaktinformasjon = None;
            self.spraak = None;
            self.spraak_oppdatert = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn person(json: &str, groups: Groups) -> KrrPerson {
        let number = PersonNumber::parse("20914695016").unwrap();
        let krr: KrrPerson = serde_json::from_str(json).unwrap();
        krr.shown(&number, groups, NOW)
    }

    fn whole(status: &str, more: &str) -> String {
        format!(
            r#"{{"personidentifikator":"20914695016","reservasjon":"NEI","status":"{status}","spraak":"nn",{more}
            "kontaktinformasjon":{{"mobiltelefonnummer":"+4799999999","mobiltelefonnummer_oppdatert":"2026-12-01T00:00:00Z"}},
            "digital_post":{{"postkasseadresse":"kari#1"}},"sertifikat":"MII"}}"#
        )
    }

    #[test]
    fn each_scope_gives_its_group_and_reservation_and_status_are_always_shown() {
        for (scope, addresses, mailbox) in [
            ("krr:global/kontaktinformasjon.read", true, false),
            ("krr:global/kontaktinfo.read", true, false),
            ("krr:global/digitalpost.read", false, true),
            ("krr:global/postkasse.read", false, true),
            ("krr:global/hentendring.read", false, false),
            ("krr:user/kontaktinformasjon.read", false, false),
        ] {
            let shown = person(&whole("AKTIV", ""), Groups::of_scopes([scope]));
            assert_eq!(shown.kontaktinformasjon.is_some(), addresses, "{scope}");
            assert_eq!(shown.varslingsstatus.is_some(), addresses, "{scope}");
            assert_eq!(shown.spraak.is_some(), addresses, "{scope}");
            assert_eq!(shown.digital_post.is_some(), mailbox, "{scope}");
            assert_eq!(shown.sertifikat.is_some(), mailbox, "{scope}");
            assert_eq!(shown.reservasjon.as_deref(), Some("NEI"));
            assert_eq!(shown.status.as_deref(), Some("AKTIV"));
        }
    }

    #[test]
    fn who_is_deleted_or_not_registered_has_neither_addresses_nor_mailbox() {
        for status in ["SLETTET", "IKKE_REGISTRERT"] {
            let shown = person(
                &whole(status, r#""varslingsstatus":"KAN_VARSLES","#),
                Groups::ALL,
            );
            assert_eq!(shown.kontaktinformasjon, None);
            assert_eq!(shown.digital_post, None);
            assert_eq!(shown.sertifikat, None);
            assert_eq!(shown.varslingsstatus.as_deref(), Some("KAN_IKKE_VARSLES"));
        }
    }

    #[test]
    fn a_verdict_that_is_not_stated_follows_from_reservation_and_dates() {
        let verdict = |json: &str| person(json, Groups::ALL).varslingsstatus.unwrap();
        assert_eq!(verdict(&whole("AKTIV", "")), "KAN_VARSLES");
        let stated = whole("AKTIV", r#""varslingsstatus":"KAN_IKKE_VARSLES","#);
        assert_eq!(verdict(&stated), "KAN_IKKE_VARSLES");
        let reserved = whole("AKTIV", "").replace("NEI", "JA");
        assert_eq!(verdict(&reserved), "KAN_IKKE_VARSLES");
        let old = whole("AKTIV", "").replace("2026-12", "2020-12");
        assert_eq!(verdict(&old), "KAN_IKKE_VARSLES");
        let none = r#"{"personidentifikator":"20914695016","reservasjon":"NEI","status":"AKTIV"}"#;
        assert_eq!(verdict(none), "KAN_IKKE_VARSLES");
    }
}
