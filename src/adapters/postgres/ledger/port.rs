//! The trait, method by method.

use std::time::Duration;

use async_trait::async_trait;

use super::{brakes, claim, hand_back, intend, settle, unknown};
use crate::adapters::postgres::connect::PostgresStore;
use crate::domain::ids::{AgencyNo, ClaimId, DeliveryId, WorkerId};
use crate::domain::time::Timestamp;
use crate::ports::store::{
    Claim, IntentBatch, Intents, Ledger, SettleReport, Settlement, StoreError, UnknownDelivery,
    Want,
};

#[async_trait]
impl Ledger for PostgresStore {
    async fn claim(&self, worker: WorkerId, wants: &[Want]) -> Result<Claim, StoreError> {
        claim::claim(self, worker, wants).await
    }

    async fn intend(&self, batch: IntentBatch) -> Result<Intents, StoreError> {
        if batch.entries.is_empty() {
            return Ok(Intents::default());
        }
        intend::intend(self, batch).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleReport, StoreError> {
        if settlements.is_empty() {
            return Ok(SettleReport::default());
        }
        settle::settle(self, settlements).await
    }

    async fn hand_back(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        hand_back::hand_back(self, deliveries, due).await
    }

    async fn hand_back_strays(
        &self,
        worker: WorkerId,
        older_than: Duration,
        known: &[ClaimId],
    ) -> Result<u64, StoreError> {
        hand_back::strays(self, worker, older_than, known).await
    }

    async fn abandon(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let patience = hand_back::Patience::new(unknown_sms, unknown_email);
        hand_back::abandon(self, deliveries, patience).await
    }

    async fn due_unknown(&self, limit: u32) -> Result<Vec<UnknownDelivery>, StoreError> {
        unknown::due(self, limit).await
    }

    async fn pause(&self, gateway: &str, pause: Duration) -> Result<(), StoreError> {
        brakes::pause(self, gateway, pause).await
    }

    async fn is_wanted(&self, agency: AgencyNo, delivery: DeliveryId) -> Result<bool, StoreError> {
        brakes::is_wanted(self, agency, delivery).await
    }

    async fn set_stopped(
        &self,
        agency: Option<AgencyNo>,
        stopped: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        brakes::set_stopped(self, agency, stopped).await
    }
}
