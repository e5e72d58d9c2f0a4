//! Deliveries that wait and are settled by the agency's word.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::notifications::references;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::rows::{JobRow, job_columns, reason, state};
use crate::domain::event::{NewEvent, NotificationFact};
use crate::domain::ids::{AgencyNo, DeliveryId, JobName};
use crate::domain::time::Timestamp;

/// No intent is written while this lock is held: intents hold the job's row too, in a mode that
/// the counting of open deliveries does not mind.
const LOCK: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM job j WHERE j.agency = $1 AND j.name = $2 FOR UPDATE"
);

/// The job, kept from intents until the end of the transaction.
pub(super) async fn lock(
    connection: &mut PgConnection,
    agency: AgencyNo,
    name: &JobName,
) -> Result<Option<JobRow>, Fault> {
    let row = sqlx::query(LOCK)
        .bind(agency.0)
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(JobRow::read).transpose()
}

/// What a statement that settles deliveries must return for [`events`].
macro_rules! settled_columns {
    () => {
        " RETURNING id, state, reason, version, chosen, duplicate"
    };
}
pub(super) use settled_columns;

/// The events of deliveries that were just settled, in order of their ids.
pub(super) async fn events(
    connection: &mut PgConnection,
    job: &JobRow,
    at: Timestamp,
    rows: &[PgRow],
) -> Result<Vec<NewEvent>, Fault> {
    let mut ids = rows
        .iter()
        .map(|row| row.try_get(0).map(DeliveryId))
        .zip(rows)
        .map(|(id, row)| Ok((id?, row)))
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    ids.sort_unstable_by_key(|(id, _)| *id);
    let positions = ids.iter().map(|(id, _)| id.position());
    let references = references(connection, job.no, positions).await?;
    let mut events = Vec::with_capacity(ids.len());
    for (id, row) in ids {
        let chosen: bool = row.try_get(4)?;
        let fact = NotificationFact {
            job: job.view.name.clone(),
            reference: references.of(id.position())?,
            class: job.view.class,
            occasion: id.occasion(),
            channel: chosen.then(|| id.channel()),
            status: state(row.try_get(1)?, id)?.status(false),
            reason: reason(row.try_get(2)?, id)?,
            at,
            version: row.try_get(3)?,
            possible_duplicate: row.try_get(5)?,
            covered_by: None,
        };
        events.extend(fact.to_event(job.agency));
    }
    Ok(events)
}
