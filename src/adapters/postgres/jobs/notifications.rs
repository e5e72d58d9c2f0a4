//! What became of a job's recipients, page by page.

use std::collections::{BTreeSet, HashMap};

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::{Fault, classify, corrupt};
use crate::adapters::postgres::pool::within;
use crate::adapters::postgres::rows::{self, JobRow, job_columns, reason, short, small, state};
use crate::domain::event::NotificationFact;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position, Reference};
use crate::domain::kinds::Channel;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::store::{CHUNK_SIZE, NotificationPage, StoreError};

const JOB: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM job j WHERE j.agency = $1 AND j.name = $2"
);

const PAGE: &str = "SELECT d.id, d.state, d.reason, d.version, d.chosen, d.duplicate, d.covered_by, \
        GREATEST(d.changed_at, o.intent_at), o.slot \
    FROM delivery d LEFT JOIN LATERAL ( \
        SELECT t.slot, t.intent_at FROM try t WHERE d.state = 6 AND t.delivery = d.id \
            AND t.freed = 0 AND t.outcome IS NULL \
        ORDER BY t.slot DESC LIMIT 1) o ON TRUE \
    WHERE d.id BETWEEN $1 AND $2 AND NOT d.silent ORDER BY d.id LIMIT $3";

/// So many ids has a position: eight occasions on two channels.
const OF_A_POSITION: i64 = 16;

const REFERENCES: &str = "SELECT no, refs FROM chunk WHERE job = $1 AND no = ANY($2::smallint[])";

pub(super) async fn page(
    store: &PostgresStore,
    agency: AgencyNo,
    name: &JobName,
    from: Option<DeliveryId>,
    limit: u32,
) -> Result<Option<NotificationPage>, StoreError> {
    let mut connection = store.pool.acquire().await.map_err(classify)?;
    let read = read_page(&mut connection, agency, name, from, limit);
    let page = within(store.answer_timeout, read).await;
    store.returned(connection, page)
}

async fn read_page(
    connection: &mut PgConnection,
    agency: AgencyNo,
    name: &JobName,
    from: Option<DeliveryId>,
    limit: u32,
) -> Result<Option<NotificationPage>, Fault> {
    let job = sqlx::query(JOB)
        .bind(agency.0)
        .bind(name.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(job) = job.as_ref().map(JobRow::read).transpose()? else {
        return Ok(None);
    };
    let first = DeliveryId::first_of(job.no);
    let mut rows = sqlx::query(PAGE)
        .bind(from.map_or(first, |from| from.max(first)).0)
        .bind(DeliveryId::last_of(job.no).0)
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
    let next = if rows.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        rows.pop()
            .map(|row| row.try_get(0).map(DeliveryId))
            .transpose()?
    } else {
        None
    };
    let rows = rows.iter().map(Line::read).collect::<Result<Vec<_>, _>>()?;
    let positions = rows
        .iter()
        .flat_map(|line| std::iter::once(line.id.position()).chain(line.covered_by));
    let references = references(connection, job.no, positions).await?;
    let facts = rows
        .into_iter()
        .map(|line| line.fact(&job, &references))
        .collect::<Result<_, _>>()?;
    Ok(Some(NotificationPage { facts, next }))
}

/// What became of one recipient of a job, on every occasion.
pub(in crate::adapters::postgres) async fn position_facts(
    connection: &mut PgConnection,
    job: &JobRow,
    position: Position,
) -> Result<Vec<NotificationFact>, Fault> {
    let first = DeliveryId::of(job.no, position, 0, Channel::Sms);
    let rows = sqlx::query(PAGE)
        .bind(first.0)
        .bind(first.0 + OF_A_POSITION - 1)
        .bind(OF_A_POSITION)
        .fetch_all(&mut *connection)
        .await?;
    let rows = rows.iter().map(Line::read).collect::<Result<Vec<_>, _>>()?;
    let covering = rows.iter().filter_map(|line| line.covered_by);
    let references = references(connection, job.no, covering.chain([position])).await?;
    let facts = rows.into_iter().map(|line| line.fact(job, &references));
    Ok(facts.collect::<Result<_, _>>()?)
}

/// One row of [`PAGE`].
struct Line {
    id: DeliveryId,
    state: State,
    reason: Option<crate::domain::status::Reason>,
    version: i32,
    chosen: bool,
    duplicate: bool,
    covered_by: Option<Position>,
    changed_at: Timestamp,
    /// The slot of the try that has no outcome yet.
    open_slot: Option<i16>,
}

impl Line {
    fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = DeliveryId(row.try_get(0)?);
        Ok(Self {
            id,
            state: state(row.try_get(1)?, id)?,
            reason: reason(row.try_get(2)?, id)?,
            version: row.try_get(3)?,
            chosen: row.try_get(4)?,
            duplicate: row.try_get(5)?,
            covered_by: row.try_get::<Option<i16>, _>(6)?.map(small),
            changed_at: Timestamp(row.try_get(7)?),
            open_slot: row.try_get(8)?,
        })
    }

    fn fact(self, job: &JobRow, references: &References) -> Result<NotificationFact, StoreError> {
        let open = self.open_slot.is_some();
        Ok(NotificationFact {
            job: job.view.name.clone(),
            reference: references.of(self.id.position())?,
            class: job.view.class,
            occasion: self.id.occasion(),
            channel: (self.chosen || open).then(|| self.id.channel()),
            status: self.state.status(open),
            reason: self.reason,
            at: self.changed_at,
            version: self.version,
            possible_duplicate: self.duplicate || self.open_slot == Some(1),
            covered_by: self
                .covered_by
                .map(|position| references.of(position))
                .transpose()?,
        })
    }
}

/// The references of some chunks of a job.
pub(super) struct References {
    job: JobNo,
    chunks: HashMap<u16, Vec<Reference>>,
}

impl References {
    /// The reference at a position.
    pub(super) fn of(&self, position: Position) -> Result<Reference, StoreError> {
        self.chunks
            .get(&(position / CHUNK_SIZE))
            .and_then(|chunk| chunk.get(usize::from(position % CHUNK_SIZE)))
            .cloned()
            .ok_or_else(|| {
                let id = format!("{}/{}", self.job, position / CHUNK_SIZE);
                corrupt("chunk", id, BoxError::from("it lacks a recipient"))
            })
    }
}

/// The references at least at these positions.
pub(super) async fn references(
    connection: &mut PgConnection,
    job: JobNo,
    positions: impl Iterator<Item = Position>,
) -> Result<References, Fault> {
    let chunks: BTreeSet<u16> = positions.map(|position| position / CHUNK_SIZE).collect();
    let chunks: Vec<i16> = chunks.into_iter().map(short).collect();
    let mut found = References {
        job,
        chunks: HashMap::with_capacity(chunks.len()),
    };
    if chunks.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query(REFERENCES)
        .bind(job.0)
        .bind(chunks)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let no = small(row.try_get(0)?);
        let references = rows::references(job, no, row.try_get(1)?)?;
        found.chunks.insert(no, references);
    }
    Ok(found)
}
