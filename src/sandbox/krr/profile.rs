//! Which kinds of persons there are: those of the register's own test environment (`domain.md` 1.9)
//! and those that make clients stumble.

use crate::domain::person::PersonNumber;

/// A kind of person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Mobile, e-mail and mailbox, all fresh.
    MobileEmailMailbox,
    /// Mobile and e-mail.
    MobileEmail,
    /// Mobile only.
    MobileOnly,
    /// E-mail only.
    EmailOnly,
    /// SLETTET.
    Deleted,
    /// Both addresses older than 18 months.
    Expired,
    /// The addresses that the test environment gives those who were reset.
    Reset,
    /// Reserved against digital letters.
    Reserved,
    /// IKKE_REGISTRERT.
    NotRegistered,
    /// Mobile too old, e-mail fresh.
    StaleMobile,
    /// E-mail too old, mobile fresh.
    StaleEmail,
    /// Changed long ago, confirmed lately.
    ConfirmedLately,
    /// Both addresses stand on others too.
    Shared,
    /// Active, and nothing is known.
    NoAddress,
    /// Language nn.
    Nynorsk,
    /// Language en.
    English,
    /// Language se.
    Sami,
    /// Every text that may be blank is.
    Blanks,
    /// Codes that nobody has documented.
    UnknownCodes,
    /// A foreign mobile.
    Abroad,
    /// Texts that are no addresses.
    Unusable,
    /// KAN_IKKE_VARSLES although everything looks fresh.
    NotNotifiable,
}

/// The seed of the first profile's number; far from the seeds of ordinary people.
const FIRST: u32 = 26_000_000;

impl Profile {
    /// Every profile.
    pub const ALL: &'static [Self] = &[
        Self::MobileEmailMailbox,
        Self::MobileEmail,
        Self::MobileOnly,
        Self::EmailOnly,
        Self::Deleted,
        Self::Expired,
        Self::Reset,
        Self::Reserved,
        Self::NotRegistered,
        Self::StaleMobile,
        Self::StaleEmail,
        Self::ConfirmedLately,
        Self::Shared,
        Self::NoAddress,
        Self::Nynorsk,
        Self::English,
        Self::Sami,
        Self::Blanks,
        Self::UnknownCodes,
        Self::Abroad,
        Self::Unusable,
        Self::NotNotifiable,
    ];

    /// The number of the person who is so; synthetic, and always the same.
    pub fn number(self) -> PersonNumber {
        PersonNumber::synthetic(FIRST + self as u32)
    }

    /// A word for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MobileEmailMailbox => "mobile, e-mail and mailbox",
            Self::MobileEmail => "mobile and e-mail",
            Self::MobileOnly => "mobile only",
            Self::EmailOnly => "e-mail only",
            Self::Deleted => "deleted",
            Self::Expired => "older than 18 months",
            Self::Reset => "reset in the test environment",
            Self::Reserved => "reserved",
            Self::NotRegistered => "not registered",
            Self::StaleMobile => "mobile too old",
            Self::StaleEmail => "e-mail too old",
            Self::ConfirmedLately => "old, but confirmed lately",
            Self::Shared => "addresses shared with others",
            Self::NoAddress => "no address",
            Self::Nynorsk => "language nn",
            Self::English => "language en",
            Self::Sami => "language se",
            Self::Blanks => "blank texts",
            Self::UnknownCodes => "unknown codes",
            Self::Abroad => "foreign mobile",
            Self::Unusable => "texts that are no addresses",
            Self::NotNotifiable => "fresh, but cannot be notified",
        }
    }
}
