//! The register's format, besides the person itself ([`KrrPerson`]).

use serde::{Deserialize, Serialize};

use crate::domain::krr_person::KrrPerson;

/// Where persons are looked up.
pub const PATH: &str = "/rest/v2/personer";

/// The media type of signed answers.
pub const JOSE: &str = "application/jose";

/// Scopes that give addresses, dates, `varslingsstatus` and language: one's own, and the one that
/// agencies delegate to a supplier (`domain.md` 1.3).
pub const CONTACT_SCOPES: [&str; 2] = [
    "krr:global/kontaktinformasjon.read",
    "krr:global/kontaktinfo.read",
];

/// Who is asked about; 1 to 1,000.
#[derive(Clone, Serialize, Deserialize)]
pub struct Request {
    /// Identity numbers.
    pub personidentifikatorer: Vec<String>,
}

/// What is answered; the order means nothing.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    /// One for each person asked about.
    pub personer: Vec<KrrPerson>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} persons)", self.personidentifikatorer.len())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} persons)", self.personer.len())
    }
}
