//! Jobs and chunks for planning.

use super::super::connect::SqliteStore;
use super::super::error::{Failure, corrupt};
use super::super::rows::{json, narrow};
use crate::domain::chunk_text;
use crate::domain::ids::{AgencyNo, JobName, JobNo};
use crate::domain::time::Timestamp;
use crate::ports::store::{Chunk, JobRecord, StoreError};

const JOBS: &str = "SELECT job.no, job.agency, job.name, job.rules, chunk.message, job.recipients,
        job.accepted_at, job.cancelled_at
    FROM json_each(?1) wanted
    JOIN job ON job.no = wanted.value
    LEFT JOIN chunk ON chunk.job = job.no AND chunk.no = 0";

const CHUNKS: &str = "SELECT chunk.job, chunk.no, chunk.refs, chunk.persons, chunk.contents
    FROM json_each(?1) wanted
    JOIN chunk ON chunk.job = wanted.value ->> 0 AND chunk.no = wanted.value ->> 1";

type JobColumns = (
    i64,
    i32,
    String,
    String,
    Option<String>,
    i64,
    i64,
    Option<i64>,
);
type ChunkColumns = (i64, i64, String, Option<String>, Option<String>);

pub(super) async fn jobs(
    store: &SqliteStore,
    wanted: &[JobNo],
) -> Result<Vec<JobRecord>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = wanted.iter().map(|no| no.0).collect();
    let rows: Vec<JobColumns> = sqlx::query_as(JOBS)
        .bind(json(&numbers))
        .fetch_all(store.readers())
        .await
        .map_err(Failure::from)?;
    rows.into_iter().map(record).collect()
}

fn record(row: JobColumns) -> Result<JobRecord, StoreError> {
    let (no, agency, name, rules, message, recipients, accepted_at, cancelled_at) = row;
    let message = message
        .map(|message| chunk_text::decode_message(&message))
        .transpose();
    Ok(JobRecord {
        no: JobNo(no),
        agency: AgencyNo(agency),
        name: JobName::parse(&name).map_err(|source| corrupt("job", no, source))?,
        rules: chunk_text::decode_rules(&rules).map_err(|source| corrupt("job", no, source))?,
        message: message.map_err(|source| corrupt("chunk", format!("{no}/0"), source))?,
        recipients: narrow("job", no, recipients)?,
        accepted_at: Timestamp(accepted_at),
        cancelled_at: cancelled_at.map(Timestamp),
    })
}

pub(super) async fn chunks(
    store: &SqliteStore,
    wanted: &[(JobNo, u16)],
) -> Result<Vec<Chunk>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let pairs: Vec<(i64, u16)> = wanted.iter().map(|(job, no)| (job.0, *no)).collect();
    let rows: Vec<ChunkColumns> = sqlx::query_as(CHUNKS)
        .bind(json(&pairs))
        .fetch_all(store.readers())
        .await
        .map_err(Failure::from)?;
    rows.into_iter().map(chunk).collect()
}

fn chunk((job, no, refs, persons, contents): ChunkColumns) -> Result<Chunk, StoreError> {
    let wrong = |source| corrupt("chunk", format!("{job}/{no}"), source);
    let homes = persons.as_deref().map(chunk_text::decode_homes);
    let persons = persons.as_deref().map(chunk_text::decode_persons);
    let contents = contents.map(|text| chunk_text::decode_contents(&text));
    Ok(Chunk {
        job: JobNo(job),
        no: narrow("chunk", job, no)?,
        references: chunk_text::decode_refs(&refs).map_err(wrong)?,
        persons: persons.transpose().map_err(wrong)?.unwrap_or_default(),
        contents: contents.transpose().map_err(wrong)?.unwrap_or_default(),
        homes: homes.transpose().map_err(wrong)?.unwrap_or_default(),
    })
}
