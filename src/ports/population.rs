//! The population register: who lives where.

use async_trait::async_trait;

use super::BoxError;
use crate::domain::job::StreetAudience;
use crate::domain::street::Resident;

/// Whom to name.
#[derive(Debug, Clone, Copy)]
pub struct StreetQuery<'a> {
    /// Which stretch and side of which street.
    pub street: &'a StreetAudience,
    /// Nobody born in a later year.
    pub youngest_birth_year: i16,
    /// At most so many.
    pub limit: u32,
}

/// What the register knows of a stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stretch {
    /// The municipality has no such street, as far as it knows.
    UnknownStreet,
    /// Who lives there; nobody, perhaps.
    Residents(Vec<Resident>),
}

/// Why the register gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the population register cannot be reached")]
pub struct PopulationError(#[source] pub BoxError);

/// The population register.
#[async_trait]
pub trait PopulationRegister: Send + Sync + std::fmt::Debug {
    /// Who lives at a stretch of a street. MUST name everybody who is registered there and old
    /// enough, in any order, each once and nobody else; if they are more than `limit`, any `limit`
    /// of them. The street's name is compared as [`street_key`](crate::domain::street::street_key)
    /// spells it.
    ///
    /// # Errors
    /// [`PopulationError`]: nothing is known of anybody.
    async fn residents(&self, query: StreetQuery<'_>) -> Result<Stretch, PopulationError>;
}
