//! API keys.

use async_trait::async_trait;
use sqlx::Row;

use super::connect::PostgresStore;
use super::error::classify;
use crate::domain::ids::AgencyNo;
use crate::domain::time::Timestamp;
use crate::ports::store::{Keys, StoreError};

const ADD: &str = "INSERT INTO api_key (hash, agency, created_at) VALUES ($1, $2, $3) \
    ON CONFLICT (hash) DO UPDATE SET agency = excluded.agency";
const OWNER: &str = "SELECT agency FROM api_key WHERE hash = $1";

#[async_trait]
impl Keys for PostgresStore {
    async fn add_key(
        &self,
        agency: AgencyNo,
        hash: [u8; 32],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query(ADD).bind(&hash[..]).bind(agency.0).bind(at.0);
        self.execute(statement).await.map(|_rows| ())
    }

    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<AgencyNo>, StoreError> {
        let rows = self.fetch(sqlx::query(OWNER).bind(&hash[..])).await?;
        rows.first()
            .map(|row| row.try_get(0).map(AgencyNo).map_err(classify))
            .transpose()
    }
}
