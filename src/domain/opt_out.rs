//! An agency's own opt-out list: who wants nothing from it, by person, phone number or e-mail
//! address, kept as keyed hashes.
//!
//! An entry holds for service messages unless it says otherwise. Of a letter the law says that the
//! party must be told (eForvaltningsforskriften § 8 third paragraph), and the way out that it gives is
//! the reservation in the register (§ 9); an agency that lets people out of that too says so in the
//! entry, and sends the letter on paper.

use super::email::EmailAddress;
use super::ids::AgencyId;
use super::job::To;
use super::kinds::{Channel, Class};
use super::person::PersonNumber;
use super::phone::PhoneNumber;
use super::secret_key::SecretKey;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OptOutKind {
    /// A person, on every channel.
    Person,
    /// A phone number, whoever has it.
    Phone,
    /// An e-mail address, whoever has it.
    Email,
}

impl OptOutKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Person, Self::Phone, Self::Email];

    /// The word, which is also the member of an entry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }

    /// What the store keeps.
    pub const fn code(self) -> i16 {
        match self {
            Self::Person => 1,
            Self::Phone => 2,
            Self::Email => 3,
        }
    }

    /// From what the store keeps.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// For which classes an entry holds; none: it was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Classes(i16);

impl Classes {
    /// Service messages only.
    pub const SERVICE: Self = Self(2);

    /// These.
    pub fn of(classes: &[Class]) -> Self {
        Self(classes.iter().fold(0, |mask, class| mask | bit(*class)))
    }

    /// From what the store keeps.
    pub const fn from_code(code: i16) -> Self {
        Self(code & 3)
    }

    /// What the store keeps.
    pub const fn code(self) -> i16 {
        self.0
    }

    /// Whether this is among them.
    pub const fn contains(self, class: Class) -> bool {
        self.0 & bit(class) != 0
    }

    /// The entry was taken out.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Their words.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = Class::ALL.iter().copied();
        all.filter(move |class| self.contains(*class))
            .map(Class::as_str)
    }
}

const fn bit(class: Class) -> i16 {
    match class {
        Class::Letter => 1,
        Class::ServiceMessage => 2,
    }
}

/// How the list knows somebody. Hashes of two agencies cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OptOutHash(pub [u8; 16]);

/// Makes the hashes.
#[derive(Debug, Clone)]
pub struct OptOutKey(SecretKey);

impl OptOutKey {
    /// What belongs to the configured, or the store's, key.
    pub fn new(key: &SecretKey) -> Self {
        Self(key.derive("budstikke opt-out"))
    }

    /// A person.
    pub fn person(&self, agency: &AgencyId, person: &PersonNumber) -> OptOutHash {
        self.hash(agency, OptOutKind::Person, person.expose())
    }

    /// A phone number.
    pub fn phone(&self, agency: &AgencyId, phone: &PhoneNumber) -> OptOutHash {
        self.hash(agency, OptOutKind::Phone, phone.expose())
    }

    /// An e-mail address, however it is capitalised.
    pub fn email(&self, agency: &AgencyId, email: &EmailAddress) -> OptOutHash {
        self.hash(agency, OptOutKind::Email, email.fold().as_ref())
    }

    /// Whatever a recipient is.
    pub fn of(&self, agency: &AgencyId, to: &To) -> (OptOutKind, OptOutHash) {
        match to {
            To::Person(person) => (OptOutKind::Person, self.person(agency, person)),
            To::Phone(phone) => (OptOutKind::Phone, self.phone(agency, phone)),
            To::Email(email) => (OptOutKind::Email, self.email(agency, email)),
        }
    }

    fn hash(&self, agency: &AgencyId, kind: OptOutKind, text: &str) -> OptOutHash {
        let parts = [agency.as_str(), kind.as_str(), text];
        let mac = self.0.mac(&parts.map(str::as_bytes));
        let mut hash = [0; 16];
        hash.copy_from_slice(&mac[..16]);
        OptOutHash(hash)
    }
}

/// What of a delivery is on its agency's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OptedOut {
    /// The person.
    pub person: bool,
    /// The phone number that an SMS would go to.
    pub sms: bool,
    /// The e-mail address.
    pub email: bool,
}

impl OptedOut {
    /// Nothing.
    pub const NOTHING: Self = Self {
        person: false,
        sms: false,
        email: false,
    };

    /// The person, or the address on the channel.
    pub const fn on(self, channel: Channel) -> bool {
        self.person
            || match channel {
                Channel::Sms => self.sms,
                Channel::Email => self.email,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_agencies_two_kinds_and_two_keys_share_no_hash() {
        let key = OptOutKey::new(&SecretKey::of_text("a"));
        let other = OptOutKey::new(&SecretKey::of_text("b"));
        let [oslo, bergen] = ["oslo", "bergen"].map(|id| AgencyId::parse(id).unwrap());
        let phone = PhoneNumber::parse("99999999").unwrap();
        let same = PhoneNumber::parse("+4799999999").unwrap();
        assert_eq!(key.phone(&oslo, &phone), key.phone(&oslo, &same));
        assert_ne!(key.phone(&oslo, &phone), key.phone(&bergen, &phone));
        assert_ne!(key.phone(&oslo, &phone), other.phone(&oslo, &phone));
        let [one, two] =
            ["Kari@Example.NO", "Kari@example.no"].map(|e| EmailAddress::parse(e).unwrap());
        assert_eq!(key.email(&oslo, &one), key.email(&oslo, &two));
    }

    #[test]
    fn an_entry_holds_for_service_messages_unless_it_says_otherwise() {
        assert!(Classes::SERVICE.contains(Class::ServiceMessage));
        assert!(!Classes::SERVICE.contains(Class::Letter));
        let both = Classes::of(Class::ALL);
        assert_eq!(
            both.words().collect::<Vec<_>>(),
            ["letter", "service_message"]
        );
        assert!(Classes::of(&[]).is_none());
        assert_eq!(Classes::from_code(both.code()), both);
    }
}
