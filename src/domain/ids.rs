//! The identities of the trade: agency, job, recipient, notification, delivery, claim, worker.
//!
//! A delivery's id is arithmetic: it packs job number, position of the recipient, occasion and
//! channel. All rows of a job are therefore one range of the primary key, and no index on the job
//! is needed anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kinds::Channel;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// An agency id is `[a-z][a-z0-9-]{1,30}`.
    #[error("must be 2 to 31 characters a-z, 0-9 and -, starting with a letter")]
    Agency,
    /// A job id or reference is `[A-Za-z0-9._:-]{1,100}`.
    #[error("must be 1 to 100 characters of A-Z a-z 0-9 . _ : -")]
    Name,
}

/// The short id of an agency, for example `oslo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgencyId(Box<str>);

impl AgencyId {
    /// Reads an agency id.
    ///
    /// # Errors
    /// [`IdError::Agency`] unless it is `[a-z][a-z0-9-]{1,30}`.
    pub fn parse(raw: &str) -> Result<Self, IdError> {
        let mut bytes = raw.bytes();
        let head = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let tail = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if head && tail && (2..=31).contains(&raw.len()) {
            Ok(Self(raw.into()))
        } else {
            Err(IdError::Agency)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The agency's own id of a job, and its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(Box<str>);

/// The agency's own reference of a recipient, unique in its job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(Box<str>);

fn is_name(raw: &str) -> bool {
    (1..=100).contains(&raw.len())
        && raw
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

macro_rules! name {
    ($type:ident) => {
        impl $type {
            /// Reads a name.
            ///
            /// # Errors
            /// [`IdError::Name`] unless it is `[A-Za-z0-9._:-]{1,100}`.
            pub fn parse(raw: &str) -> Result<Self, IdError> {
                if is_name(raw) {
                    Ok(Self(raw.into()))
                } else {
                    Err(IdError::Name)
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        text!($type);
    };
}

macro_rules! text {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(raw: String) -> Result<Self, IdError> {
                Self::parse(&raw)
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> Self {
                id.0.into()
            }
        }
    };
}

text!(AgencyId);
name!(JobName);
name!(Reference);

macro_rules! number {
    ($(#[$doc:meta])* $type:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $type(pub $inner);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The number of an agency in this store; rows carry it instead of the text.
    AgencyNo, i32
);
number!(
    /// The number of a job in this store, from 1, below 2⁴⁵.
    JobNo, i64
);
number!(
    /// One claim of one worker: the epoch which fences every later write about its deliveries.
    ClaimId, i64
);
number!(
    /// One run of one worker process.
    WorkerId, i64
);

/// The position of a recipient in its job, from 0 to 9,999.
pub type Position = u16;
/// 0 for the first sending, 1 and up for reminders.
pub type Occasion = u8;

const POSITION_BITS: u32 = 14;
const OCCASION_BITS: u32 = 3;
const JOB_SHIFT: u32 = POSITION_BITS + OCCASION_BITS + 1;

/// One notification (a recipient on an occasion) on one channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryId(pub i64);

impl DeliveryId {
    /// The id of `(job, position, occasion, channel)`.
    pub fn of(job: JobNo, position: Position, occasion: Occasion, channel: Channel) -> Self {
        debug_assert!(u32::from(position) < 1 << POSITION_BITS);
        debug_assert!(u32::from(occasion) < 1 << OCCASION_BITS);
        Self(
            (job.0 << JOB_SHIFT)
                | (i64::from(position) << (OCCASION_BITS + 1))
                | (i64::from(occasion) << 1)
                | i64::from(channel.code()),
        )
    }

    /// The smallest id of the job's range.
    pub fn first_of(job: JobNo) -> Self {
        Self(job.0 << JOB_SHIFT)
    }

    /// The largest id of the job's range.
    pub fn last_of(job: JobNo) -> Self {
        Self(((job.0 + 1) << JOB_SHIFT) - 1)
    }

    /// The job.
    pub fn job(self) -> JobNo {
        JobNo(self.0 >> JOB_SHIFT)
    }

    /// The recipient's position in the job.
    pub fn position(self) -> Position {
        ((self.0 >> (OCCASION_BITS + 1)) & ((1 << POSITION_BITS) - 1)) as Position
    }

    /// The occasion.
    pub fn occasion(self) -> Occasion {
        ((self.0 >> 1) & ((1 << OCCASION_BITS) - 1)) as Occasion
    }

    /// The channel.
    pub fn channel(self) -> Channel {
        if self.0 & 1 == 0 {
            Channel::Sms
        } else {
            Channel::Email
        }
    }

    /// The same notification on `channel`.
    #[must_use]
    pub fn on(self, channel: Channel) -> Self {
        Self((self.0 & !1) | i64::from(channel.code()))
    }

    /// The client reference that a gateway sees and gives back in receipts: the same for every try
    /// of the delivery, so that a receipt finds it whatever became of the try.
    pub fn client_reference(self) -> String {
        format!("bs{:x}", self.0)
    }

    /// Reads [`Self::client_reference`] back.
    pub fn from_client_reference(raw: &str) -> Option<Self> {
        let digits = raw.strip_prefix("bs")?;
        i64::from_str_radix(digits, 16)
            .ok()
            .filter(|id| *id > 0)
            .map(Self)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.job(),
            self.position(),
            self.occasion(),
            self.channel().as_str()
        )
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_id_gives_back_what_it_was_made_of() {
        for (job, position, occasion, channel) in [
            (1, 0, 0, Channel::Sms),
            (77, 9_999, 5, Channel::Email),
            (1 << 44, 1, 1, Channel::Sms),
        ] {
            let id = DeliveryId::of(JobNo(job), position, occasion, channel);
            assert_eq!(id.job(), JobNo(job));
            assert_eq!(id.position(), position);
            assert_eq!(id.occasion(), occasion);
            assert_eq!(id.channel(), channel);
            assert!(
                DeliveryId::first_of(JobNo(job)) <= id && id <= DeliveryId::last_of(JobNo(job))
            );
            assert_eq!(
                DeliveryId::from_client_reference(&id.client_reference()),
                Some(id)
            );
            assert_eq!(id.on(channel.other()).on(channel), id);
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(AgencyId::parse("oslo").is_ok());
        for bad in ["", "o", "Oslo", "1oslo", "os lo", &"a".repeat(32)] {
            assert_eq!(AgencyId::parse(bad), Err(IdError::Agency), "{bad:?}");
        }
        assert!(JobName::parse("a.B_c:9-").is_ok());
        for bad in ["", "å", "a b", &"a".repeat(101)] {
            assert_eq!(JobName::parse(bad), Err(IdError::Name), "{bad:?}");
        }
    }
}
