//! The trait, method by method.

use async_trait::async_trait;

use super::{accept, agencies, cancel, load, notifications, opened, view};
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::events;
use crate::domain::event::NewEvent;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Reference};
use crate::domain::time::Timestamp;
use crate::ports::store::{
    Acceptance, AgencyRecord, Chunk, JobRecord, JobView, Jobs, NewJob, NotificationPage, StoreError,
};

#[async_trait]
impl Jobs for PostgresStore {
    async fn sync_agencies(&self, agencies: &[AgencyRecord]) -> Result<Vec<AgencyNo>, StoreError> {
        agencies::sync(self, agencies).await
    }

    async fn accept(&self, jobs: Vec<NewJob>) -> Result<Vec<Acceptance>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        accept::accept(self, jobs).await
    }

    async fn tell(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let filters = self.filters();
        let events = std::sync::Arc::new(events);
        self.transact(move |connection| {
            let (filters, events) = (filters.clone(), events.clone());
            Box::pin(async move {
                events::tell(connection, &filters, &events).await?;
                Ok(())
            })
        })
        .await
    }

    async fn job(&self, agency: AgencyNo, name: &JobName) -> Result<Option<JobView>, StoreError> {
        view::job(self, agency, name).await
    }

    async fn notifications(
        &self,
        agency: AgencyNo,
        name: &JobName,
        from: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Option<NotificationPage>, StoreError> {
        notifications::page(self, agency, name, from, limit).await
    }

    async fn cancel(
        &self,
        agency: AgencyNo,
        name: &JobName,
        at: Timestamp,
    ) -> Result<Option<JobView>, StoreError> {
        cancel::cancel(self, agency, name, at).await
    }

    async fn mark_opened(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        opened::mark(self, agency, name, reference, at).await
    }

    async fn load(
        &self,
        jobs: &[JobNo],
        chunks: &[(JobNo, u16)],
    ) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
        load::load(self, jobs, chunks).await
    }
}
