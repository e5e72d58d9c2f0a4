//! Jobs and chunks for planning.

use std::collections::HashSet;

use sqlx::Row;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::rows::{chunk, record, short};
use crate::domain::ids::JobNo;
use crate::ports::store::{Chunk, JobRecord, StoreError};

/// A job and the first of its chunks that are wanted are one row: most jobs have one chunk. A row may
/// lack either.
const LOAD: &str = "SELECT w.job, j.agency, j.name, j.rules, CASE WHEN j.no IS NOT NULL THEN \
            CASE WHEN w.chunk = 0 THEN c.message \
            ELSE (SELECT m.message FROM chunk m WHERE m.job = j.no AND m.no = 0) END END, \
        j.recipients, j.accepted_at, j.cancelled_at, c.no, c.refs, c.persons, c.contents \
    FROM unnest($1::bigint[], $2::bool[], $3::smallint[]) AS w (job, itself, chunk) \
    LEFT JOIN job j ON j.no = CASE WHEN w.itself THEN w.job END \
    LEFT JOIN chunk c ON c.job = w.job AND c.no = w.chunk";

pub(super) async fn load(
    store: &PostgresStore,
    jobs: &[JobNo],
    chunks: &[(JobNo, u16)],
) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
    if jobs.is_empty() && chunks.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut alone: HashSet<JobNo> = jobs.iter().copied().collect();
    let mut wanted: Vec<_> = chunks
        .iter()
        .map(|(job, no)| (*job, alone.remove(job), Some(short(*no))))
        .collect();
    wanted.extend(alone.into_iter().map(|job| (job, true, None)));
    let statement = sqlx::query(LOAD)
        .bind(wanted.iter().map(|(job, ..)| job.0).collect::<Vec<_>>())
        .bind(
            wanted
                .iter()
                .map(|(_, itself, _)| *itself)
                .collect::<Vec<_>>(),
        )
        .bind(wanted.iter().map(|(.., no)| *no).collect::<Vec<_>>());
    let rows = store.fetch(statement).await?;
    let mut records = Vec::with_capacity(jobs.len());
    let mut found = Vec::with_capacity(chunks.len());
    for row in &rows {
        if row
            .try_get::<Option<i32>, _>(1)
            .map_err(Fault::from)?
            .is_some()
        {
            records.push(record(row)?);
        }
        if let Some(no) = row.try_get(8).map_err(Fault::from)? {
            found.push(chunk(row, no)?);
        }
    }
    Ok((records, found))
}
