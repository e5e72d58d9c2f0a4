//! The trait, by its files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::super::connect::SqliteStore;
use super::{claim, control, intend, release, settle};
use crate::domain::ids::{AgencyNo, ClaimId, DeliveryId, WorkerId};
use crate::domain::time::Timestamp;
use crate::ports::clock::Monotonic;
use crate::ports::store::{
    Claim, IntentBatch, Intents, Ledger, SettleReport, Settlement, StoreError, UnknownDelivery,
    Want,
};

#[async_trait]
impl Ledger for SqliteStore {
    async fn claim(&self, worker: WorkerId, wants: &[Want]) -> Result<Claim, StoreError> {
        if wants.is_empty() {
            return Ok(claim::NOTHING);
        }
        let (now, wants) = (self.now(), wants.to_vec());
        self.decide(move |connection| Box::pin(claim::claim(connection, worker, wants, now)))
            .await
    }

    async fn intend(&self, batch: IntentBatch) -> Result<Intents, StoreError> {
        if batch.entries.is_empty() {
            return Ok(Intents::default());
        }
        let clock = self.inner.clock.clone();
        // The clock is asked inside: waiting for the writer must not age the slots.
        let read_at = Arc::new(AtomicU64::new(0));
        let reading = Arc::clone(&read_at);
        let decided = self.decide(move |connection| {
            Box::pin(async move {
                reading.store(clock.monotonic().0, Ordering::Relaxed);
                intend::intend(connection, batch, clock.now()).await
            })
        });
        let mut intents = decided.await?;
        let read_at = Monotonic(read_at.load(Ordering::Relaxed));
        intents.read_ago = self.inner.clock.monotonic().since(read_at);
        Ok(intents)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleReport, StoreError> {
        if settlements.is_empty() {
            return Ok(SettleReport::default());
        }
        let filters = self.filters();
        self.decide(move |connection| Box::pin(settle::settle(connection, filters, settlements)))
            .await
    }

    async fn hand_back(
        &self,
        deliveries: &[(DeliveryId, ClaimId)],
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let deliveries = deliveries.to_vec();
        self.write(move |connection| Box::pin(release::hand_back(connection, deliveries, due)))
            .await
    }

    async fn hand_back_strays(
        &self,
        worker: WorkerId,
        older_than: Duration,
        known: &[ClaimId],
    ) -> Result<u64, StoreError> {
        let before = self.now().minus(older_than);
        let known = known.to_vec();
        self.decide(move |connection| Box::pin(release::strays(connection, worker, before, known)))
            .await
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
        let (now, deliveries) = (self.now(), deliveries.to_vec());
        let wait = release::Wait {
            sms: unknown_sms,
            email: unknown_email,
        };
        self.write(move |connection| Box::pin(release::abandon(connection, deliveries, wait, now)))
            .await
    }

    async fn due_unknown(&self, limit: u32) -> Result<Vec<UnknownDelivery>, StoreError> {
        control::due_unknown(self, limit).await
    }

    async fn pause(&self, gateway: &str, pause: Duration) -> Result<(), StoreError> {
        let (until, gateway) = (self.now().plus(pause), gateway.to_owned());
        self.write(move |connection| Box::pin(control::pause(connection, gateway, until)))
            .await
    }

    async fn is_wanted(&self, agency: AgencyNo, delivery: DeliveryId) -> Result<bool, StoreError> {
        control::is_wanted(self, agency, delivery).await
    }

    async fn set_stopped(
        &self,
        agency: Option<AgencyNo>,
        stopped: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| Box::pin(control::set_stopped(connection, agency, stopped)))
            .await
    }
}
