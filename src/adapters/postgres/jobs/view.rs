//! A job as its agency sees it.

use sqlx::PgConnection;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::{Fault, classify};
use crate::adapters::postgres::pool::within;
use crate::adapters::postgres::rows::{JobRow, job_columns};
use crate::adapters::postgres::totals::totals;
use crate::domain::ids::{AgencyNo, JobName};
use crate::ports::store::{JobView, StoreError};

const BY_NAME: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM unnest($1::int[], $2::text[]) AS w (agency, name) \
      JOIN job j ON j.agency = w.agency AND j.name = w.name"
);

/// The jobs of these names that are there, with their totals.
pub(super) async fn by_name(
    connection: &mut PgConnection,
    wanted: &[(AgencyNo, &JobName)],
) -> Result<Vec<JobRow>, Fault> {
    let agencies: Vec<i32> = wanted.iter().map(|(agency, _)| agency.0).collect();
    let names: Vec<&str> = wanted.iter().map(|(_, name)| name.as_str()).collect();
    let rows = sqlx::query(BY_NAME)
        .bind(agencies)
        .bind(names)
        .fetch_all(&mut *connection)
        .await?;
    let mut jobs = rows
        .iter()
        .map(JobRow::read)
        .collect::<Result<Vec<_>, _>>()?;
    fill(connection, &mut jobs).await?;
    Ok(jobs)
}

/// Counts the totals of jobs.
pub(super) async fn fill(connection: &mut PgConnection, jobs: &mut [JobRow]) -> Result<(), Fault> {
    if jobs.is_empty() {
        return Ok(());
    }
    let numbers: Vec<_> = jobs.iter().map(|job| job.no).collect();
    let totals = totals(connection, &numbers).await?;
    for job in jobs {
        if let Some(totals) = totals.get(&job.no) {
            job.view.totals = totals.clone();
        }
    }
    Ok(())
}

pub(super) async fn job(
    store: &PostgresStore,
    agency: AgencyNo,
    name: &JobName,
) -> Result<Option<JobView>, StoreError> {
    let mut connection = store.pool.acquire().await.map_err(classify)?;
    let jobs = within(
        store.answer_timeout,
        by_name(&mut connection, &[(agency, name)]),
    )
    .await;
    let mut jobs = store.returned(connection, jobs)?;
    Ok(jobs.pop().map(|job| job.view))
}
