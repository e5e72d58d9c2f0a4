//! The Contact and Reservation Register.

use std::time::Duration;

use async_trait::async_trait;

use super::BoxError;
use crate::domain::audit::Found;
use crate::domain::contact::Contact;
use crate::domain::ids::AgencyId;
use crate::domain::person::PersonNumber;

/// At most so many persons in one call (`domain.md` 1.2).
pub const MAX_BATCH: usize = 1_000;

/// Who asks and why: goes with every call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inquiry {
    /// For which agency.
    pub agency: AgencyId,
    /// The purpose that the job states.
    pub purpose: String,
}

/// Why the register gave no answer. None of these is ever "the recipient cannot be reached".
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It cannot be reached, is overloaded, or answers with an error of its own. The batch waits.
    #[error("the register cannot be reached")]
    Unavailable {
        /// What it asked for.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// It does not let us in: an operator must look. The batch waits.
    #[error("the register refuses us: {0}")]
    Forbidden(String),
    /// It calls the batch itself wrong; the caller bisects to find the number that is.
    #[error("the register refuses the batch")]
    Refused,
    /// It cannot be written down who would be asked about, so nobody was. The batch waits.
    #[error("it cannot be written down who is asked about; nobody is")]
    Unwritten(#[source] BoxError),
}

/// Writes down who is about to be asked about.
#[async_trait]
pub trait Logbook: Send + Sync {
    /// A call about `persons` is about to leave us. Once it returns, a crash does not undo it.
    ///
    /// # Errors
    /// It is not written; the call MUST NOT be made.
    async fn leaving(&self, persons: &[PersonNumber]) -> Result<(), BoxError>;
}

/// What became of a look-up.
#[derive(Debug, Default)]
#[must_use = "what left us belongs in the audit, whatever came of it"]
pub struct LookedUp {
    /// What the register said: of everybody who was asked about unless it `failed`, of each once.
    pub contacts: Vec<Contact>,
    /// What is not in `contacts` and left us, or may have: persons whom a call carried that brought
    /// nothing about them or nothing that may be used, once for each such call. [`Found::NoAnswer`]
    /// if nothing came.
    pub besides: Vec<(PersonNumber, Found)>,
    /// Why there is no answer about the others.
    pub failed: Option<RegisterError>,
}

impl LookedUp {
    /// The answer if it is whole.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn whole(self) -> Result<Vec<Contact>, RegisterError> {
        self.failed.map_or(Ok(self.contacts), Err)
    }
}

impl From<Result<Vec<Contact>, RegisterError>> for LookedUp {
    /// Of a register to which nothing leaves us, or which answered.
    fn from(answer: Result<Vec<Contact>, RegisterError>) -> Self {
        let (contacts, failed) = match answer {
            Ok(contacts) => (contacts, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Self {
            contacts,
            failed,
            ..Self::default()
        }
    }
}

/// The register.
#[async_trait]
pub trait ContactRegister: Send + Sync + std::fmt::Debug {
    /// Looks up 1 to [`MAX_BATCH`] distinct persons, in one call if all goes well.
    ///
    /// MUST answer for every person asked unless it fails, in any order, and for nobody else; a
    /// person that the register does not know is [`Contact::not_registered`]. MUST tell of every call
    /// that may have left us whom it carried, in `contacts` or `besides`; but if somebody alone is
    /// [`RegisterError::Refused`], the refusal is what the register says of them, and in neither.
    /// MUST NOT keep answers longer than five minutes nor write them anywhere. MUST tell the
    /// `logbook` of each call, directly before it leaves us; a register to which nothing leaves us
    /// need not.
    async fn lookup(
        &self,
        inquiry: &Inquiry,
        persons: &[PersonNumber],
        logbook: &dyn Logbook,
    ) -> LookedUp;

    /// Asks whether the register answers at all.
    ///
    /// # Errors
    /// [`RegisterError`].
    async fn probe(&self) -> Result<(), RegisterError>;
}
