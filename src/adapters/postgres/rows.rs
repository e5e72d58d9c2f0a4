//! Columns that hold codes or JSON, read and written.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::{Fault, corrupt};
use crate::domain::ids::{AgencyNo, JobName, JobNo, Reference};
use crate::domain::job::{Job, Message, Recipient, Rules, To, Values};
use crate::domain::kinds::Lane;
use crate::domain::person::PersonNumber;
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::store::{
    CHUNK_SIZE, Chunk, ChunkContent, JobRecord, JobState, JobView, StoreError,
};

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

/// A number that goes into a `SMALLINT`.
pub(super) fn short(number: u16) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

/// JSON of what we wrote ourselves.
pub(super) fn json<T: Serialize>(
    table: &'static str,
    id: impl fmt::Display,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(table, id, error))
}

/// Reads JSON. The text may be personal, so of the error only its place is kept.
pub(super) fn read<T: for<'a> Deserialize<'a>>(
    table: &'static str,
    id: impl fmt::Display,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        corrupt(table, id, BoxError::from(place))
    })
}

/// One entry of `chunk.contents`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    v: Values,
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
pub(super) fn chunks(job: &Job) -> Result<Vec<ChunkTexts>, StoreError> {
    let name = &job.name;
    let mut slices: Vec<&[Recipient]> = job.recipients.chunks(usize::from(CHUNK_SIZE)).collect();
    if slices.is_empty() {
        slices.push(&[]);
    }
    let mut message = Some(json("chunk", name, &job.message)?);
    slices
        .into_iter()
        .map(|recipients| {
            let refs: Vec<&Reference> = recipients.iter().map(|r| &r.reference).collect();
            let persons: Vec<Option<&str>> = recipients
                .iter()
                .map(|recipient| match &recipient.to {
                    To::Person(person) => Some(person.expose()),
                    To::Phone(_) | To::Email(_) => None,
                })
                .collect();
            let contents: Vec<Content> = recipients.iter().map(content).collect();
            Ok(ChunkTexts {
                message: message.take(),
                refs: json("chunk", name, &refs)?,
                persons: json("chunk", name, &persons)?,
                contents: json("chunk", name, &contents)?,
            })
        })
        .collect()
}

fn content(recipient: &Recipient) -> Content {
    let (p, e) = match &recipient.to {
        To::Person(_) => (None, None),
        To::Phone(phone) => (Some(phone.expose().to_owned()), None),
        To::Email(email) => (None, Some(email.expose().to_owned())),
    };
    Content {
        p,
        e,
        v: recipient.values.clone(),
    }
}

/// Reads `job, no, refs, persons, contents`.
pub(super) fn chunk(row: &PgRow) -> Result<Chunk, Fault> {
    let job = JobNo(row.try_get(0)?);
    let no: i16 = row.try_get(1)?;
    let id = format!("{job}/{no}");
    let persons: Option<&str> = row.try_get(3)?;
    let persons: Vec<Option<String>> =
        persons.map_or_else(|| Ok(Vec::new()), |text| read("chunk", &id, text))?;
    let contents: Option<&str> = row.try_get(4)?;
    let contents: Vec<Content> =
        contents.map_or_else(|| Ok(Vec::new()), |text| read("chunk", &id, text))?;
    Ok(Chunk {
        job,
        no: small(no),
        references: read("chunk", &id, row.try_get(2)?)?,
        persons: persons
            .into_iter()
            .map(|person| {
                person
                    .map(|number| PersonNumber::parse(&number))
                    .transpose()
                    .map_err(|error| corrupt("chunk", &id, error))
            })
            .collect::<Result<_, _>>()?,
        contents: contents
            .into_iter()
            .map(|content| ChunkContent {
                phone: content.p,
                email: content.e,
                values: content.v,
            })
            .collect(),
    })
}

/// Reads `no, agency, name, rules, message, recipients, accepted_at, cancelled_at`.
pub(super) fn record(row: &PgRow) -> Result<JobRecord, Fault> {
    let no = JobNo(row.try_get(0)?);
    let message: Option<&str> = row.try_get(4)?;
    let message: Option<Message> = message.map(|text| read("chunk", no, text)).transpose()?;
    Ok(JobRecord {
        no,
        agency: AgencyNo(row.try_get(1)?),
        name: name(no, row.try_get(2)?)?,
        rules: read("job", no, row.try_get(3)?)?,
        message,
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
         j.accepted_at, j.cancelled_at, j.finished_at"
    };
}
pub(super) use job_columns;

impl JobRow {
    /// Reads `job_columns!()`.
    pub(super) fn read(row: &PgRow) -> Result<Self, Fault> {
        let no = JobNo(row.try_get(0)?);
        let rules: Rules = read("job", no, row.try_get(5)?)?;
        let open: i32 = row.try_get(7)?;
        let cancelled_at: Option<i64> = row.try_get(9)?;
        Ok(Self {
            no,
            agency: AgencyNo(row.try_get(1)?),
            content_hash: row.try_get(3)?,
            finished: row.try_get::<Option<i64>, _>(10)?.is_some(),
            view: JobView {
                name: name(no, row.try_get(2)?)?,
                class: rules.class,
                lane_asked: rules.lane,
                lane: lane("job", row.try_get(4)?, no)?,
                state: if cancelled_at.is_some() {
                    JobState::Cancelled
                } else if open == 0 {
                    JobState::Finished
                } else {
                    JobState::Open
                },
                accepted_at: Timestamp(row.try_get(8)?),
                recipients: count(row.try_get(6)?),
                totals: crate::domain::event::Totals::default(),
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
