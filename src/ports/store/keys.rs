//! API keys, by their SHA-256 only.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::AgencyNo;
use crate::domain::time::Timestamp;

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Adds a key of an agency, by its SHA-256.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add_key(
        &self,
        agency: AgencyNo,
        hash: [u8; 32],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Whose key it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<AgencyNo>, StoreError>;
}
