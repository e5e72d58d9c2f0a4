//! Organisation numbers of Norwegian bodies (`domain.md` 7.2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Nine digits with a check digit, modulo 11. Public, so it is shown in full.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgNumber([u8; 9]);

/// Why a text is no organisation number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrgNumberError {
    /// Not nine digits.
    #[error("must be 9 digits, without spaces")]
    Shape,
    /// The last digit does not follow from the others.
    #[error("has a check digit that does not fit the rest; a digit is wrong or two are swapped")]
    CheckDigit,
}

/// Weights of the digits, the check digit's own included.
const WEIGHTS: [u32; 9] = [3, 2, 7, 6, 5, 4, 3, 2, 1];

impl OrgNumber {
    /// Reads an organisation number.
    ///
    /// # Errors
    /// [`OrgNumberError`] unless it is nine digits whose weighted sum is divisible by 11.
    pub fn parse(raw: &str) -> Result<Self, OrgNumberError> {
        let Ok(digits) = <[u8; 9]>::try_from(raw.as_bytes()) else {
            return Err(OrgNumberError::Shape);
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(OrgNumberError::Shape);
        }
        let products = digits.iter().zip(WEIGHTS);
        let sum: u32 = products
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        if sum == 0 || !sum.is_multiple_of(11) {
            return Err(OrgNumberError::CheckDigit);
        }
        Ok(Self(digits))
    }

    /// The nine digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for OrgNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrgNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for OrgNumber {
    type Error = OrgNumberError;
    fn try_from(raw: String) -> Result<Self, OrgNumberError> {
        Self::parse(&raw)
    }
}

impl From<OrgNumber> for String {
    fn from(number: OrgNumber) -> Self {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bodies_are_read() {
        for valid in [
            "123456785",
            "984661185",
            "922020175",
            "991825827",
            "958935420",
        ] {
            assert_eq!(OrgNumber::parse(valid).unwrap().as_str(), valid);
        }
    }

    #[test]
    fn wrong_numbers_are_refused_with_the_cause() {
        for (wrong, error) in [
            ("123456786", OrgNumberError::CheckDigit),
            ("984661158", OrgNumberError::CheckDigit),
            ("000000000", OrgNumberError::CheckDigit),
            ("98466118", OrgNumberError::Shape),
            ("9846611855", OrgNumberError::Shape),
            ("984 661 185", OrgNumberError::Shape),
            ("", OrgNumberError::Shape),
        ] {
            assert_eq!(OrgNumber::parse(wrong), Err(error), "{wrong}");
        }
    }
}
