//! The trait, by its files.

use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::super::connect::SqliteStore;
use super::super::rows::{self, put_events};
use super::{accept, end, load, view};
use crate::domain::event::NewEvent;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Reference};
use crate::domain::time::Timestamp;
use crate::ports::store::{
    Acceptance, AgencyRecord, Chunk, JobRecord, JobView, Jobs, NewJob, NotificationPage, StoreError,
};

const ADD_AGENCIES: &str = "INSERT INTO agency (id) SELECT value FROM json_each(?1) WHERE TRUE
    ORDER BY key ON CONFLICT (id) DO NOTHING";
const AGENCIES: &str = "SELECT agency.no FROM json_each(?1) wanted
    JOIN agency ON agency.id = wanted.value ORDER BY wanted.key";

impl SqliteStore {
    pub(in super::super) fn filters(&self) -> rows::Filters {
        self.inner.filters.read().clone()
    }
}

#[async_trait]
impl Jobs for SqliteStore {
    async fn sync_agencies(&self, agencies: &[AgencyRecord]) -> Result<Vec<AgencyNo>, StoreError> {
        if agencies.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = agencies.iter().map(|agency| agency.id.as_str()).collect();
        let names = rows::json(&names);
        let numbers: Vec<i32> = self
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query(ADD_AGENCIES)
                        .bind(&names)
                        .execute(&mut *connection)
                        .await?;
                    let numbers = sqlx::query_scalar(AGENCIES).bind(names);
                    Ok(numbers.fetch_all(connection).await?)
                })
            })
            .await?;
        let numbers: Vec<AgencyNo> = numbers.into_iter().map(AgencyNo).collect();
        let wishes = agencies.iter().map(|agency| agency.filter);
        let mut filters = self.inner.filters.write();
        *filters = filters.with(numbers.iter().copied().zip(wishes));
        Ok(numbers)
    }

    async fn accept(&self, jobs: Vec<NewJob>) -> Result<Vec<Acceptance>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let (filters, now) = (self.filters(), self.now());
        let history = self.inner.history.load(Ordering::Acquire);
        self.write(move |connection| {
            Box::pin(accept::accept(connection, filters, jobs, now, history))
        })
        .await
    }

    async fn tell(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        let filters = self.filters();
        if !events.iter().any(|e| filters.wants(e.agency, e.kind)) {
            return Ok(());
        }
        self.write(move |connection| {
            Box::pin(async move { put_events(connection, &filters, &events).await.map(drop) })
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
        view::notifications(self, agency, name, from, limit).await
    }

    async fn cancel(
        &self,
        agency: AgencyNo,
        name: &JobName,
        at: Timestamp,
    ) -> Result<Option<JobView>, StoreError> {
        let (filters, name) = (self.filters(), name.clone());
        self.write(move |connection| {
            Box::pin(async move { end::cancel(connection, &filters, agency, &name, at).await })
        })
        .await
    }

    async fn mark_opened(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (filters, name, reference) = (self.filters(), name.clone(), reference.clone());
        self.write(move |connection| {
            Box::pin(
                async move { end::open(connection, &filters, agency, &name, &reference, at).await },
            )
        })
        .await
    }

    async fn load(
        &self,
        jobs: &[JobNo],
        chunks: &[(JobNo, u16)],
    ) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
        Ok((
            load::jobs(self, jobs).await?,
            load::chunks(self, chunks).await?,
        ))
    }
}
