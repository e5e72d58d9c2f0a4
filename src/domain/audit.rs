//! The audit of look-ups: who was asked about in the register, for whom and why.
//!
//! A link is the persons of one job whom one look-up asked about. Links are chained: each holds the digest of the one
//! before, and its own digest, made with a key, covers that too. Whoever can write to the database
//! but does not know the key can neither change a link nor take one out unnoticed.

use super::contact::{Contact, Registration};
use super::person::PersonNumber;
use super::secret_key::SecretKey;
use super::time::Timestamp;

/// Bytes of a person's hash.
const HASH: usize = 16;
/// Bytes of one person in a link.
const ENTRY: usize = HASH + 1;

/// What the register said of a person, or that it was about to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Registered, and not reserved.
    Active,
    /// Reserved against digital letters.
    Reserved,
    /// Taken out of the register.
    Deleted,
    /// Not known to the register.
    NotRegistered,
    /// Something that we do not understand.
    Unknown,
    /// Nothing: the call carried the person and may have left us, and brought no answer about them.
    NoAnswer,
    /// Not known yet: written before the call leaves us, so that no crash takes away that it did.
    Asked,
}

impl Found {
    /// Every word.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Reserved,
        Self::Deleted,
        Self::NotRegistered,
        Self::Unknown,
        Self::NoAnswer,
        Self::Asked,
    ];

    /// What an answer comes to.
    pub const fn of(contact: &Contact) -> Self {
        match (contact.registration, contact.reserved) {
            (Registration::Active, true) => Self::Reserved,
            (Registration::Active, false) => Self::Active,
            (Registration::Deleted, _) => Self::Deleted,
            (Registration::NotRegistered, _) => Self::NotRegistered,
            (Registration::Other, _) => Self::Unknown,
        }
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reserved => "reserved",
            Self::Deleted => "deleted",
            Self::NotRegistered => "not_registered",
            Self::Unknown => "unknown",
            Self::NoAnswer => "no_answer",
            Self::Asked => "asked",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Reserved => 2,
            Self::Deleted => 3,
            Self::NotRegistered => 4,
            Self::Unknown => 5,
            Self::NoAnswer => 6,
            Self::Asked => 7,
        }
    }

    /// A code that is not ours counts as unknown; the chain tells that it was changed.
    fn of_code(code: u8) -> Self {
        let known = Self::ALL.into_iter().find(|found| found.code() == code);
        known.unwrap_or(Self::Unknown)
    }
}

/// A person as the audit knows one: recognised by whoever knows the number and the key, read by
/// nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonHash(pub [u8; HASH]);

/// The keys of the audit.
#[derive(Debug, Clone)]
pub struct AuditKeys {
    person: SecretKey,
    chain: SecretKey,
}

impl AuditKeys {
    /// Those that belong to the configured, or the store's, key.
    pub fn new(key: &SecretKey) -> Self {
        Self {
            person: key.derive("budstikke audit person"),
            chain: key.derive("budstikke audit chain"),
        }
    }

    /// How the audit knows a person.
    pub fn person(&self, person: &PersonNumber) -> PersonHash {
        let mac = self.person.mac(&[person.expose().as_bytes()]);
        let mut hash = [0; HASH];
        hash.copy_from_slice(&mac[..HASH]);
        PersonHash(hash)
    }
}

/// Persons of a link, packed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Persons(Vec<u8>);

impl Persons {
    /// As the store keeps them.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For the store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// One more.
    pub fn push(&mut self, person: PersonHash, found: Found) {
        self.0.extend_from_slice(&person.0);
        self.0.push(found.code());
    }

    /// Who they are, and what the register said.
    pub fn iter(&self) -> impl Iterator<Item = (PersonHash, Found)> {
        self.0.chunks_exact(ENTRY).map(|entry| {
            let mut hash = [0; HASH];
            hash.copy_from_slice(&entry[..HASH]);
            (PersonHash(hash), Found::of_code(entry[HASH]))
        })
    }
}

/// Where a strand ends: what the next link is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Which strand.
    pub strand: i32,
    /// The number of its last link; 0: it has none.
    pub no: i64,
    /// When that was written; 0 without one.
    pub at: Timestamp,
    /// Its digest; zeros without one.
    pub digest: [u8; 32],
}

impl End {
    /// Of a strand that has no link yet.
    pub const fn of_new(strand: i32) -> Self {
        Self {
            strand,
            no: 0,
            at: Timestamp(0),
            digest: [0; 32],
        }
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// For which agency, by its id.
    pub agency: String,
    /// For which of its jobs.
    pub job: String,
    /// Why.
    pub purpose: String,
    /// Whom.
    pub persons: Persons,
}

/// A link as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where the strand ends with it.
    pub end: End,
    /// When the one before was written.
    pub previous_at: Timestamp,
    /// The digest of the one before.
    pub previous: [u8; 32],
    /// What it says.
    pub lookup: Lookup,
}

impl Link {
    /// The link that follows on `end`.
    pub fn after(end: &End, at: Timestamp, lookup: Lookup, keys: &AuditKeys) -> Self {
        let mut link = Self {
            end: End {
                strand: end.strand,
                no: end.no + 1,
                at,
                digest: [0; 32],
            },
            previous_at: end.at,
            previous: end.digest,
            lookup,
        };
        link.end.digest = link.digest(keys);
        link
    }

    fn digest(&self, keys: &AuditKeys) -> [u8; 32] {
        keys.chain.mac(&[
            &self.previous,
            &self.previous_at.0.to_be_bytes(),
            &self.end.strand.to_be_bytes(),
            &self.end.no.to_be_bytes(),
            &self.end.at.0.to_be_bytes(),
            self.lookup.agency.as_bytes(),
            self.lookup.job.as_bytes(),
            self.lookup.purpose.as_bytes(),
            self.lookup.persons.as_bytes(),
        ])
    }

    /// It is as it was written.
    pub fn is_sound(&self, keys: &AuditKeys) -> bool {
        self.end.digest == self.digest(keys)
    }

    /// It was written directly after what ends at `end`.
    pub fn follows(&self, end: &End) -> bool {
        self.end.strand == end.strand
            && self.end.no == end.no + 1
            && self.previous == end.digest
            && self.previous_at == end.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> AuditKeys {
        AuditKeys::new(&SecretKey::of_text("a key for tests"))
    }

    fn lookup(job: &str) -> Lookup {
        let mut persons = Persons::default();
        persons.push(PersonHash([7; 16]), Found::Reserved);
        Lookup {
            agency: "oslo".to_owned(),
            job: job.to_owned(),
            purpose: "Vedtak".to_owned(),
            persons,
        }
    }

    #[test]
    fn a_link_follows_on_the_one_before_and_nothing_in_it_can_change() {
        let start = End::of_new(3);
        let first = Link::after(&start, Timestamp(10), lookup("a"), &keys());
        let second = Link::after(&first.end, Timestamp(20), lookup("b"), &keys());
        assert!(first.follows(&start) && second.follows(&first.end));
        assert!(!second.follows(&start), "one was taken out");
        assert!(first.is_sound(&keys()) && second.is_sound(&keys()));
        let other = AuditKeys::new(&SecretKey::of_text("another"));
        assert!(!first.is_sound(&other));
        let changes: [fn(&mut Link); 8] = [
            |link| link.end.at = Timestamp(11),
            |link| link.end.no = 7,
            |link| link.end.strand = 1,
            |link| link.previous_at = Timestamp(1),
            |link| link.previous = [1; 32],
            |link| link.lookup.agency = "bergen".to_owned(),
            |link| link.lookup.purpose = "other".to_owned(),
            |link| link.lookup.persons = Persons::default(),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut changed = second.clone();
            change(&mut changed);
            assert!(!changed.is_sound(&keys()), "change {n}");
        }
    }

    #[test]
    fn persons_are_packed_and_unpacked() {
        let mut persons = Persons::default();
        for (n, found) in (0..).zip(Found::ALL) {
            persons.push(PersonHash([n; 16]), found);
        }
        let again = Persons::from_bytes(persons.as_bytes().to_vec());
        let found: Vec<Found> = again.iter().map(|(_, found)| found).collect();
        assert_eq!(found, Found::ALL);
        assert_eq!(again.iter().nth(2).unwrap().0, PersonHash([2; 16]));
        assert_eq!(again.as_bytes().len(), 7 * 17);
    }

    #[test]
    fn a_person_is_recognised_by_the_key_and_read_by_nobody() {
        let person = PersonNumber::parse("20914695016").unwrap();
        let hash = keys().person(&person);
        assert_eq!(hash, keys().person(&person));
        let other = AuditKeys::new(&SecretKey::of_text("another"));
        assert_ne!(hash, other.person(&person));
    }
}
