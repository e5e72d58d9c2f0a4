//! Jobs, references and persons of deliveries that nobody holds, for their events.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::ids::{DeliveryId, JobName, JobNo};
use crate::domain::person::PersonNumber;
use crate::ports::store::{CHUNK_SIZE, Chunk, JobRecord, Label, StoreError};

use super::deps::Deps;

/// What was loaded.
#[derive(Debug)]
pub struct Labels {
    jobs: HashMap<JobNo, (JobRecord, Arc<JobName>)>,
    chunks: HashMap<(JobNo, u16), Chunk>,
}

impl Labels {
    /// Loads what the deliveries need.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(
        deps: &Deps,
        deliveries: impl Iterator<Item = DeliveryId>,
    ) -> Result<Self, StoreError> {
        let mut chunks: Vec<(JobNo, u16)> = deliveries
            .map(|id| (id.job(), id.position() / CHUNK_SIZE))
            .collect();
        chunks.sort_unstable();
        chunks.dedup();
        let mut jobs: Vec<JobNo> = chunks.iter().map(|(job, _)| *job).collect();
        jobs.dedup();
        let (records, chunks) = deps.store.load(&jobs, &chunks).await?;
        let jobs = records
            .into_iter()
            .map(|record| (record.no, (record.clone(), Arc::new(record.name))))
            .collect();
        let chunks = chunks
            .into_iter()
            .map(|chunk| ((chunk.job, chunk.no), chunk))
            .collect();
        Ok(Self { jobs, chunks })
    }

    /// The job and label of a delivery.
    pub fn of(&self, delivery: DeliveryId) -> Option<(&JobRecord, Label)> {
        let (record, name) = self.jobs.get(&delivery.job())?;
        let reference = self.chunk(delivery)?.references.get(index(delivery))?;
        let label = Label {
            agency: record.agency,
            job: Arc::clone(name),
            reference: Arc::new(reference.clone()),
            class: record.rules.class,
        };
        Some((record, label))
    }

    /// The person of a delivery; `None` for a direct address, and once the identity was erased.
    pub fn person(&self, delivery: DeliveryId) -> Option<&PersonNumber> {
        self.chunk(delivery)?.persons.get(index(delivery))?.as_ref()
    }

    fn chunk(&self, delivery: DeliveryId) -> Option<&Chunk> {
        self.chunks
            .get(&(delivery.job(), delivery.position() / CHUNK_SIZE))
    }
}

fn index(delivery: DeliveryId) -> usize {
    usize::from(delivery.position() % CHUNK_SIZE)
}
