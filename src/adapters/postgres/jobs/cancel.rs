//! A job is cancelled.

use std::sync::Arc;

use sqlx::{PgConnection, Row};

use super::settled::{events, lock, settled_columns};
use super::view::fill;
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::events::{Filters, tell};
use crate::domain::event::{EventKind, job_ended};
use crate::domain::ids::{AgencyNo, DeliveryId, JobName};
use crate::domain::time::Timestamp;
use crate::ports::store::{JobState, JobView, StoreError};

/// Cancelled (0) for the reason cancelled (4); what has an unknown try behind it is uncertain (3)
/// for the reason no answer (21). `+ 0` keeps the planner from `delivery_due`, which holds all that is
/// due of everybody: the rows are a range of the primary key.
const DELIVERIES: &str = concat!(
    "UPDATE delivery SET state = CASE slot WHEN 0 THEN 0 ELSE 3 END, \
        reason = CASE slot WHEN 0 THEN 4 ELSE 21 END, version = version + 1, changed_at = $3 \
     WHERE id BETWEEN $1 AND $2 AND state + 0 IN (4, 5)",
    settled_columns!()
);
const JOB: &str = "UPDATE job SET cancelled_at = $2, open = open - $3, \
        finished_at = CASE WHEN open = $3 THEN COALESCE(finished_at, $2) ELSE finished_at END \
    WHERE no = $1 RETURNING open";

pub(super) async fn cancel(
    store: &PostgresStore,
    agency: AgencyNo,
    name: &JobName,
    at: Timestamp,
) -> Result<Option<JobView>, StoreError> {
    let filters = store.filters();
    let name = Arc::new(name.clone());
    store
        .transact(move |connection| {
            let (filters, name) = (Arc::clone(&filters), Arc::clone(&name));
            Box::pin(async move { run(connection, &filters, agency, &name, at).await })
        })
        .await
}

async fn run(
    connection: &mut PgConnection,
    filters: &Filters,
    agency: AgencyNo,
    name: &JobName,
    at: Timestamp,
) -> Result<Option<JobView>, Fault> {
    let Some(mut job) = lock(connection, agency, name).await? else {
        return Ok(None);
    };
    if job.view.state != JobState::Open {
        fill(connection, std::slice::from_mut(&mut job)).await?;
        return Ok(Some(job.view));
    }
    let rows = sqlx::query(DELIVERIES)
        .bind(DeliveryId::first_of(job.no).0)
        .bind(DeliveryId::last_of(job.no).0)
        .bind(at.0)
        .fetch_all(&mut *connection)
        .await?;
    let settled = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let open: i32 = sqlx::query(JOB)
        .bind(job.no.0)
        .bind(at.0)
        .bind(settled)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    job.view.state = JobState::Cancelled;
    fill(connection, std::slice::from_mut(&mut job)).await?;
    let mut events = events(connection, &job, at, &rows).await?;
    let ended = |kind| job_ended(kind, agency, name, at, &job.view.totals);
    events.push(ended(EventKind::JobCancelled));
    if open == 0 && !job.finished {
        events.push(ended(EventKind::JobFinished));
    }
    tell(connection, filters, &events).await?;
    Ok(Some(job.view))
}
