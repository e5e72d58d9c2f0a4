//! The Contact and Reservation Register.

use std::time::Duration;

use async_trait::async_trait;

use super::BoxError;
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
}

/// The register.
#[async_trait]
pub trait ContactRegister: Send + Sync + std::fmt::Debug {
    /// Looks up 1 to [`MAX_BATCH`] distinct persons in one call.
    ///
    /// MUST answer for every person asked, in any order, and for nobody else; a person that the
    /// register does not know is [`Contact::not_registered`]. MUST NOT keep answers longer than five
    /// minutes nor write them anywhere.
    ///
    /// # Errors
    /// [`RegisterError`]: nothing is known of anybody in the batch.
    async fn lookup(
        &self,
        inquiry: &Inquiry,
        persons: &[PersonNumber],
    ) -> Result<Vec<Contact>, RegisterError>;

    /// Asks whether the register answers at all.
    ///
    /// # Errors
    /// As [`Self::lookup`].
    async fn probe(&self) -> Result<(), RegisterError>;
}
