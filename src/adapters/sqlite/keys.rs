//! API keys, by their SHA-256 only.

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::Failure;
use crate::domain::ids::AgencyNo;
use crate::domain::time::Timestamp;
use crate::ports::store::{Keys, StoreError};

const ADD: &str = "INSERT INTO api_key (hash, agency, created_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (hash) DO NOTHING";

const OWNER: &str = "SELECT agency FROM api_key WHERE hash = ?1";

#[async_trait]
impl Keys for SqliteStore {
    async fn add_key(
        &self,
        agency: AgencyNo,
        hash: [u8; 32],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let add = sqlx::query(ADD).bind(hash.to_vec());
                add.bind(agency.0).bind(at.0).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<AgencyNo>, StoreError> {
        let owner: Option<i32> = sqlx::query_scalar(OWNER)
            .bind(hash.to_vec())
            .fetch_optional(self.readers())
            .await
            .map_err(Failure::from)?;
        Ok(owner.map(AgencyNo))
    }
}
