//! Columns that hold codes or JSON, read and written.

use std::fmt;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::{Fault, corrupt};
use crate::domain::chunk_text;
use crate::domain::event::Totals;
use crate::domain::ids::{AgencyNo, JobName, JobNo, Reference};
use crate::domain::job::{Job, Rules};
use crate::domain::kinds::Lane;
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{CHUNK_SIZE, Chunk, JobRecord, JobState, JobView, StoreError};

/// A code that stands for nothing this program knows.
#[derive(Debug, thiserror::Error)]
#[error("code {0} is not known here")]
struct UnknownCode(i16);

fn known<T>(
    table: &'static str,
    id: impl fmt::Display,
    code: i16,
    value: Option<T>,
) -> Result<T, StoreError> {
    value.ok_or_else(|| corrupt(table, id, UnknownCode(code)))
}

/// A delivery's state.
pub(super) fn state(code: i16, id: impl fmt::Display) -> Result<State, StoreError> {
    known("delivery", id, code, State::from_code(code))
}

/// A delivery's reason.
pub(super) fn reason(
    code: Option<i16>,
    id: impl fmt::Display,
) -> Result<Option<Reason>, StoreError> {
    code.map(|code| known("delivery", id, code, Reason::from_code(code)))
        .transpose()
}

/// A lane.
pub(super) fn lane(
    table: &'static str,
    code: i16,
    id: impl fmt::Display,
) -> Result<Lane, StoreError> {
    known(table, id, code, Lane::from_code(code))
}

/// A small count; what is negative or too large is cut.
pub(super) fn small(column: i16) -> u16 {
    u16::try_from(column).unwrap_or(0)
}

/// A count; what is negative is cut.
pub(super) fn large(column: i32) -> u32 {
    u32::try_from(column).unwrap_or(0)
}

/// A number that goes into an `INTEGER`.
pub(super) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number that goes into a `SMALLINT`.
pub(super) fn short(number: u16) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

/// The texts of one row of `chunk`.
#[derive(Debug)]
pub(super) struct ChunkTexts {
    pub(super) message: Option<String>,
    pub(super) refs: String,
    pub(super) persons: String,
    pub(super) contents: String,
}

/// A job's personal data by chunks; there is always one, for the message.
pub(super) fn chunks(job: &Job) -> Vec<ChunkTexts> {
    let mut parts = job.recipients.chunks(usize::from(CHUNK_SIZE));
    let first = parts.next().unwrap_or_default();
    let mut message = Some(chunk_text::encode_message(&job.message));
    std::iter::once(first)
        .chain(parts)
        .map(|recipients| ChunkTexts {
            message: message.take(),
            refs: chunk_text::encode_refs(recipients),
            persons: chunk_text::encode_persons(recipients),
            contents: chunk_text::encode_contents(recipients),
        })
        .collect()
}

/// Reads chunk `no` of what [`jobs::load`](super::jobs) answers.
pub(super) fn chunk(row: &PgRow, no: i16) -> Result<Chunk, Fault> {
    let job = JobNo(row.try_get(0)?);
    let id = format!("{job}/{no}");
    let wrong = |error| corrupt("chunk", &id, error);
    let persons: Option<&str> = row.try_get(10)?;
    let homes = persons.map(chunk_text::decode_homes).transpose();
    let persons = persons.map(chunk_text::decode_persons).transpose();
    let contents: Option<&str> = row.try_get(11)?;
    let contents = contents.map(chunk_text::decode_contents).transpose();
    Ok(Chunk {
        job,
        no: small(no),
        references: chunk_text::decode_refs(row.try_get(9)?).map_err(wrong)?,
        persons: persons.map_err(wrong)?.unwrap_or_default(),
        contents: contents.map_err(wrong)?.unwrap_or_default(),
        homes: homes.map_err(wrong)?.unwrap_or_default(),
    })
}

/// The references of a chunk.
pub(super) fn references(job: JobNo, chunk: u16, text: &str) -> Result<Vec<Reference>, StoreError> {
    let wrong = |error| corrupt("chunk", format!("{job}/{chunk}"), error);
    chunk_text::decode_refs(text).map_err(wrong)
}

/// A job's rules.
fn rules(job: JobNo, text: &str) -> Result<Rules, StoreError> {
    chunk_text::decode_rules(text).map_err(|error| corrupt("job", job, error))
}

/// Reads `no, agency, name, rules, message, recipients, accepted_at, cancelled_at`.
pub(super) fn record(row: &PgRow) -> Result<JobRecord, Fault> {
    let no = JobNo(row.try_get(0)?);
    let message: Option<&str> = row.try_get(4)?;
    let message = message.map(chunk_text::decode_message).transpose();
    Ok(JobRecord {
        no,
        agency: AgencyNo(row.try_get(1)?),
        name: name(no, row.try_get(2)?)?,
        rules: rules(no, row.try_get(3)?)?,
        message: message.map_err(|error| corrupt("chunk", format!("{no}/0"), error))?,
        recipients: count(row.try_get(5)?),
        accepted_at: Timestamp(row.try_get(6)?),
        cancelled_at: row.try_get::<Option<i64>, _>(7)?.map(Timestamp),
    })
}

/// A row of `job` as its agency sees it, still without totals.
#[derive(Debug)]
pub(super) struct JobRow {
    pub(super) no: JobNo,
    pub(super) agency: AgencyNo,
    pub(super) content_hash: Vec<u8>,
    /// Everything was settled once; `job.finished` was written.
    pub(super) finished: bool,
    pub(super) view: JobView,
}

/// The columns that [`JobRow::read`] reads, of `job j`.
macro_rules! job_columns {
    () => {
        "j.no, j.agency, j.name, j.content_hash, j.lane, j.rules, j.recipients, j.open, \
         j.accepted_at, j.cancelled_at, j.finished_at, j.over_quota"
    };
}
pub(super) use job_columns;

impl JobRow {
    /// Reads `job_columns!()`.
    pub(super) fn read(row: &PgRow) -> Result<Self, Fault> {
        let no = JobNo(row.try_get(0)?);
        let rules = rules(no, row.try_get(5)?)?;
        let open: i32 = row.try_get(7)?;
        let cancelled_at: Option<i64> = row.try_get(9)?;
        let finished = row.try_get::<Option<i64>, _>(10)?.is_some();
        Ok(Self {
            no,
            agency: AgencyNo(row.try_get(1)?),
            content_hash: row.try_get(3)?,
            finished,
            view: JobView {
                name: name(no, row.try_get(2)?)?,
                class: rules.class,
                lane_asked: rules.lane,
                lane: lane("job", row.try_get(4)?, no)?,
                urgent_over_quota: count(row.try_get(11)?),
                state: if cancelled_at.is_some() {
                    JobState::Cancelled
                } else if open == 0 && finished {
                    JobState::Finished
                } else {
                    JobState::Open
                },
                accepted_at: Timestamp(row.try_get(8)?),
                recipients: count(row.try_get(6)?),
                totals: Totals::default(),
            },
        })
    }
}

fn name(job: JobNo, text: &str) -> Result<JobName, StoreError> {
    JobName::parse(text).map_err(|error| corrupt("job", job, error))
}

fn count(column: i32) -> u64 {
    u64::try_from(column).unwrap_or(0)
}
