//! Jobs and chunks for planning.

use sqlx::Row;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::rows::{chunk, record, short};
use crate::domain::ids::JobNo;
use crate::ports::store::{Chunk, JobRecord, StoreError};

/// Jobs have no chunk number, chunks nothing of their job but its number.
const LOAD: &str = "SELECT j.no, j.agency, j.name, j.rules, c.message, j.recipients, j.accepted_at, \
        j.cancelled_at, NULL::smallint, NULL::text, NULL::text, NULL::text \
    FROM unnest($1::bigint[]) AS w (no) JOIN job j ON j.no = w.no \
    LEFT JOIN chunk c ON c.job = j.no AND c.no = 0 \
    UNION ALL SELECT c.job, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
        c.no, c.refs, c.persons, c.contents \
    FROM unnest($2::bigint[], $3::smallint[]) AS w (job, no) \
    JOIN chunk c ON c.job = w.job AND c.no = w.no";

pub(super) async fn load(
    store: &PostgresStore,
    jobs: &[JobNo],
    chunks: &[(JobNo, u16)],
) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
    if jobs.is_empty() && chunks.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let numbers: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let of: Vec<i64> = chunks.iter().map(|(job, _)| job.0).collect();
    let places: Vec<i16> = chunks.iter().map(|(_, no)| short(*no)).collect();
    let statement = sqlx::query(LOAD).bind(numbers).bind(of).bind(places);
    let rows = store.fetch(statement).await?;
    let mut records = Vec::with_capacity(jobs.len());
    let mut found = Vec::with_capacity(chunks.len());
    for row in &rows {
        match row.try_get(8).map_err(Fault::from)? {
            None => records.push(record(row)?),
            Some(no) => found.push(chunk(row, no)?),
        }
    }
    Ok((records, found))
}
