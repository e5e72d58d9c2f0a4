//! The table behind the local population register.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::street::Resident;
use crate::domain::time::Timestamp;
use crate::ports::population::StreetQuery;

/// Who lives where.
#[async_trait]
pub trait Residents: Send + Sync {
    /// Puts residents in as of `at`, replacing what is there about the same persons: everybody lives
    /// at one place.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_residents(&self, residents: &[Resident], at: Timestamp) -> Result<(), StoreError>;

    /// Drops who lives in these municipalities and was last put in before `before`. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn drop_residents(
        &self,
        municipalities: &[String],
        before: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Who lives at a stretch, in any order: see
    /// [`PopulationRegister`](crate::ports::population::PopulationRegister).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn residents(&self, query: StreetQuery<'_>) -> Result<Vec<Resident>, StoreError>;

    /// Whether anybody lives at that street of a municipality, at whatever number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_street(&self, municipality: &str, street: &str) -> Result<bool, StoreError>;
}
