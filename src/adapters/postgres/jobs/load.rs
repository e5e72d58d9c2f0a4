//! Jobs and chunks for planning.

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::rows::{chunk, record, short};
use crate::domain::ids::JobNo;
use crate::ports::store::{Chunk, JobRecord, StoreError};

const JOBS: &str = "SELECT j.no, j.agency, j.name, j.rules, c.message, j.recipients, j.accepted_at, \
        j.cancelled_at \
    FROM unnest($1::bigint[]) AS w (no) JOIN job j ON j.no = w.no \
    LEFT JOIN chunk c ON c.job = j.no AND c.no = 0";
const CHUNKS: &str = "SELECT c.job, c.no, c.refs, c.persons, c.contents \
    FROM unnest($1::bigint[], $2::smallint[]) AS w (job, no) \
    JOIN chunk c ON c.job = w.job AND c.no = w.no";

pub(super) async fn load(
    store: &PostgresStore,
    jobs: &[JobNo],
    chunks: &[(JobNo, u16)],
) -> Result<(Vec<JobRecord>, Vec<Chunk>), StoreError> {
    let mut records = Vec::new();
    if !jobs.is_empty() {
        let numbers: Vec<i64> = jobs.iter().map(|job| job.0).collect();
        let rows = store.fetch(sqlx::query(JOBS).bind(numbers)).await?;
        records = rows.iter().map(record).collect::<Result<_, _>>()?;
    }
    let mut found = Vec::new();
    if !chunks.is_empty() {
        let jobs: Vec<i64> = chunks.iter().map(|(job, _)| job.0).collect();
        let numbers: Vec<i16> = chunks.iter().map(|(_, no)| short(*no)).collect();
        let statement = sqlx::query(CHUNKS).bind(jobs).bind(numbers);
        let rows = store.fetch(statement).await?;
        found = rows.iter().map(chunk).collect::<Result<_, _>>()?;
    }
    Ok((records, found))
}
