//! A letter was opened.

use std::sync::Arc;

use sqlx::{PgConnection, Row};

use super::settled::{events, lock, settled_columns};
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::events::{Filters, tell};
use crate::adapters::postgres::rows::{self, JobRow, short, small};
use crate::adapters::postgres::totals::totals;
use crate::domain::event::{EventKind, job_ended};
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position, Reference};
use crate::domain::kinds::Channel;
use crate::domain::time::Timestamp;
use crate::ports::store::{CHUNK_SIZE, StoreError};

/// A reference holds no character that JSON escapes, so its quoted text is found as it stands.
const CHUNK: &str =
    "SELECT no, refs FROM chunk WHERE job = $1 AND strpos(refs, $2) > 0 ORDER BY no LIMIT 1";
const OPENED: &str =
    "INSERT INTO opened (job, position, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
/// Not sent (1) for the reason opened (5); what has an unknown try behind it is uncertain (3) for the
/// reason no answer (21).
const REMINDERS: &str = concat!(
    "UPDATE delivery SET state = CASE slot WHEN 0 THEN 1 ELSE 3 END, \
        reason = CASE slot WHEN 0 THEN 5 ELSE 21 END, version = version + 1, changed_at = $3 \
     WHERE id BETWEEN $1 AND $2 AND state + 0 IN (4, 5)",
    settled_columns!()
);
const JOB: &str = "UPDATE job SET open = open - $2, \
        finished_at = CASE WHEN open = $2 THEN COALESCE(finished_at, $3) ELSE finished_at END \
    WHERE no = $1 RETURNING open";

pub(super) async fn mark(
    store: &PostgresStore,
    agency: AgencyNo,
    name: &JobName,
    reference: &Reference,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let filters = store.filters();
    let letter = Arc::new((name.clone(), reference.clone()));
    store
        .transact(move |connection| {
            let (filters, letter) = (Arc::clone(&filters), Arc::clone(&letter));
            Box::pin(async move {
                let (name, reference) = &*letter;
                let Some(job) = lock(connection, agency, name).await? else {
                    return Ok(false);
                };
                let Some(position) = position(connection, job.no, reference).await? else {
                    return Ok(false);
                };
                open(connection, &filters, job, position, at).await?;
                Ok(true)
            })
        })
        .await
}

async fn position(
    connection: &mut PgConnection,
    job: JobNo,
    reference: &Reference,
) -> Result<Option<Position>, Fault> {
    let row = sqlx::query(CHUNK)
        .bind(job.0)
        .bind(format!("\"{reference}\""))
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let no = small(row.try_get(0)?);
    let references = rows::references(job, no, row.try_get(1)?)?;
    let place = references.iter().position(|known| known == reference);
    Ok(place
        .and_then(|place| Position::try_from(place).ok())
        .map(|place| no * CHUNK_SIZE + place))
}

async fn open(
    connection: &mut PgConnection,
    filters: &Filters,
    mut job: JobRow,
    position: Position,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(OPENED)
        .bind(job.no.0)
        .bind(short(position))
        .bind(at.0)
        .execute(&mut *connection)
        .await?;
    let of = |occasion, channel| DeliveryId::of(job.no, position, occasion, channel).0;
    let rows = sqlx::query(REMINDERS)
        .bind(of(1, Channel::Sms))
        .bind(of(7, Channel::Email))
        .bind(at.0)
        .fetch_all(&mut *connection)
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let settled = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let left: i32 = sqlx::query(JOB)
        .bind(job.no.0)
        .bind(settled)
        .bind(at.0)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let mut events = events(connection, &job, at, &rows).await?;
    if left == 0 && !job.finished {
        if let Some(totals) = totals(connection, &[job.no]).await?.remove(&job.no) {
            job.view.totals = totals;
        }
        let (name, totals) = (&job.view.name, &job.view.totals);
        let kind = EventKind::JobFinished;
        events.push(job_ended(kind, job.agency, name, at, totals));
    }
    tell(connection, filters, &events).await?;
    Ok(())
}
