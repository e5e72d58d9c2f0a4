//! What becomes of a try that nobody can know about, once it has waited for a receipt long enough:
//! the agency's own word decides (`if_uncertain`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::JobNo;
use crate::domain::kinds::IfUncertain;
use crate::domain::plan;
use crate::domain::state::State;
use crate::domain::status::{Reason, Status};
use crate::domain::time::Timestamp;
use crate::ports::store::{
    CHUNK_SIZE, Guard, JobRecord, Label, Next, Settlement, StoreError, UnknownDelivery,
};
use crate::telemetry::record;

use super::deps::{Agency, Deps};
use super::settle::Settler;

const BATCH: u32 = 500;

/// Resolves unknown tries whose time is over; until stopping is asked for.
pub async fn run(deps: Arc<Deps>, settler: Settler) {
    let shortest = deps.policy.unknown_sms.min(deps.policy.unknown_email);
    let often = (shortest / 4).clamp(Duration::from_millis(100), Duration::from_secs(2));
    while deps
        .pause(often.mul_f64(0.75 + 0.5 * deps.entropy.unit()))
        .await
    {
        if let Err(error) = round(&deps, &settler).await {
            record::store_error("reconcile");
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot reconcile unknown tries"
            );
        }
    }
}

async fn round(deps: &Deps, settler: &Settler) -> Result<(), StoreError> {
    let unknown = deps.store.due_unknown(BATCH).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let now = deps.clock.now();
    let labels = Labels::load(deps, unknown.iter().map(|u| u.delivery)).await?;
    for one in unknown {
        let Some((record, label)) = labels.of(one.delivery) else {
            continue;
        };
        let Some(agency) = deps.directory.by_no(record.agency) else {
            continue;
        };
        settler
            .settle(Settlement {
                delivery: one.delivery,
                guard: Guard::Unclaimed {
                    state: State::Unknown,
                    version: one.version,
                    due: one.due,
                },
                tried: None,
                next: decide(&one, record, agency, now),
                label,
                at: now,
            })
            .await;
    }
    Ok(())
}

/// Once more in slot 1, if the agency would rather have it twice, it is the first time, and there
/// is time left; otherwise nobody will ever know.
fn decide(one: &UnknownDelivery, record: &JobRecord, agency: &Agency, now: Timestamp) -> Next {
    let occasion = one.delivery.occasion();
    let deadline = plan::deadline(&record.rules, record.accepted_at, occasion, &agency.hours);
    let again = one.slot == 0
        && record.rules.if_uncertain == IfUncertain::Resend
        && record.cancelled_at.is_none()
        && now < deadline;
    if again {
        return Next::Wait {
            due: now,
            slot: 1,
            tries: one.tries,
        };
    }
    Next::Settled {
        status: Status::Uncertain,
        reason: Some(Reason::NoAnswer),
        channel_chosen: true,
        possible_duplicate: one.slot > 0,
        covered_by: None,
    }
}

/// Jobs and references of some deliveries, for their events.
#[derive(Debug)]
pub struct Labels {
    jobs: HashMap<JobNo, (JobRecord, Arc<crate::domain::ids::JobName>)>,
    references: HashMap<(JobNo, u16), Vec<crate::domain::ids::Reference>>,
}

impl Labels {
    /// Loads what the deliveries need.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(
        deps: &Deps,
        deliveries: impl Iterator<Item = crate::domain::ids::DeliveryId>,
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
        let references = chunks
            .into_iter()
            .map(|chunk| ((chunk.job, chunk.no), chunk.references))
            .collect();
        Ok(Self { jobs, references })
    }

    /// The job and label of a delivery.
    pub fn of(&self, delivery: crate::domain::ids::DeliveryId) -> Option<(&JobRecord, Label)> {
        let (record, name) = self.jobs.get(&delivery.job())?;
        let chunk = self
            .references
            .get(&(delivery.job(), delivery.position() / CHUNK_SIZE))?;
        let reference = chunk.get(usize::from(delivery.position() % CHUNK_SIZE))?;
        let label = Label {
            agency: record.agency,
            job: Arc::clone(name),
            reference: Arc::new(reference.clone()),
            class: record.rules.class,
        };
        Some((record, label))
    }
}
