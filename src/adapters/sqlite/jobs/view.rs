//! A job as its agency sees it.

use sqlx::SqliteConnection;

use super::super::connect::SqliteStore;
use super::super::error::{Failure, Work, corrupt};
use super::super::rows::{self, References, narrow};
use crate::domain::chunk_text;
use crate::domain::event::NotificationFact;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo};
use crate::domain::job::Rules;
use crate::domain::kinds::{Class, Lane};
use crate::domain::time::Timestamp;
use crate::ports::store::{JobState, JobView, NotificationPage, StoreError};

const JOB: &str = "SELECT no, lane, rules, recipients, accepted_at, cancelled_at, finished_at,
        open, over_quota
    FROM job WHERE agency = ?1 AND name = ?2";

const FACTS: &str = "SELECT d.id, d.state, d.reason, d.version, d.duplicate, d.covered_by,
        d.changed_at, d.chosen, d.fixed,
        (SELECT max(t.slot) FROM try t WHERE t.delivery = d.id
            AND t.freed = 0 AND t.outcome IS NULL)
    FROM delivery d
    WHERE d.id BETWEEN ?1 AND ?2 AND d.silent = 0
    ORDER BY d.id LIMIT ?3";

/// The columns of [`FACTS`].
pub(in super::super) type FactRow = (
    i64,
    i64,
    Option<i64>,
    i64,
    bool,
    Option<i64>,
    i64,
    bool,
    bool,
    Option<i64>,
);

/// A job's row, without its totals.
pub(super) struct Row {
    pub(super) no: JobNo,
    pub(super) lane: Lane,
    pub(super) rules: Rules,
    pub(super) recipients: u64,
    pub(super) urgent_over_quota: u64,
    pub(super) accepted_at: Timestamp,
    pub(super) cancelled: bool,
    /// Everything was settled once; `job.finished` was written.
    pub(super) finished: bool,
    /// A fallback may have begun after the job was finished.
    pub(super) open: bool,
}

type Columns = (
    i64,
    i64,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    i64,
    i64,
);

/// The row of a name, if the agency has it.
pub(super) async fn row(
    connection: &mut SqliteConnection,
    agency: AgencyNo,
    name: &JobName,
) -> Work<Option<Row>> {
    let found: Option<Columns> = sqlx::query_as(JOB)
        .bind(agency.0)
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let (no, lane, rules, recipients, accepted_at, cancelled_at, finished_at, open, over) = found;
    Ok(Some(Row {
        no: JobNo(no),
        lane: lane_of(no, lane)?,
        rules: chunk_text::decode_rules(&rules).map_err(|source| corrupt("job", no, source))?,
        recipients: narrow("job", no, recipients)?,
        urgent_over_quota: narrow("job", no, over)?,
        accepted_at: Timestamp(accepted_at),
        cancelled: cancelled_at.is_some(),
        finished: finished_at.is_some(),
        open: open > 0,
    }))
}

fn lane_of(job: i64, code: i64) -> Result<Lane, StoreError> {
    i16::try_from(code)
        .ok()
        .and_then(Lane::from_code)
        .ok_or_else(|| corrupt("job", job, format!("no lane has code {code}")))
}

/// The view of a name, if the agency has it, and its number.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    agency: AgencyNo,
    name: &JobName,
) -> Work<Option<(JobNo, JobView)>> {
    let Some(row) = row(connection, agency, name).await? else {
        return Ok(None);
    };
    let totals = rows::totals(connection, row.no).await?;
    let state = match (row.cancelled, row.finished && !row.open) {
        (true, _) => JobState::Cancelled,
        (false, true) => JobState::Finished,
        (false, false) => JobState::Open,
    };
    let view = JobView {
        name: name.clone(),
        class: row.rules.class,
        lane_asked: row.rules.lane,
        lane: row.lane,
        urgent_over_quota: row.urgent_over_quota,
        state,
        accepted_at: row.accepted_at,
        recipients: row.recipients,
        totals,
    };
    Ok(Some((row.no, view)))
}

pub(super) async fn job(
    store: &SqliteStore,
    agency: AgencyNo,
    name: &JobName,
) -> Result<Option<JobView>, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(Failure::from)?;
    let found = of(&mut connection, agency, name).await?;
    Ok(found.map(|(_, view)| view))
}

pub(super) async fn notifications(
    store: &SqliteStore,
    agency: AgencyNo,
    name: &JobName,
    from: Option<DeliveryId>,
    limit: u32,
) -> Result<Option<NotificationPage>, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(Failure::from)?;
    let Some(row) = row(&mut connection, agency, name).await? else {
        return Ok(None);
    };
    let start = DeliveryId::first_of(row.no);
    let found: Vec<FactRow> = sqlx::query_as(FACTS)
        .bind(from.map_or(start, |from| from.max(start)).0)
        .bind(DeliveryId::last_of(row.no).0)
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await
        .map_err(Failure::from)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.get(shown).map(|row| DeliveryId(row.0));
    let found = found.get(..shown).unwrap_or(&found);
    let facts = facts(&mut connection, row.no, name, row.rules.class, found).await?;
    Ok(Some(NotificationPage { facts, next }))
}

/// What rows say, with the references that they mean.
pub(in super::super) async fn facts(
    connection: &mut SqliteConnection,
    job: JobNo,
    name: &JobName,
    class: Class,
    found: &[FactRow],
) -> Work<Vec<NotificationFact>> {
    let covering = found
        .iter()
        .filter_map(|row| row.5.and_then(|position| u16::try_from(position).ok()));
    let positions = || found.iter().map(|row| DeliveryId(row.0).position());
    let (Some(first), Some(last)) = (
        positions().chain(covering.clone()).min(),
        positions().chain(covering).max(),
    ) else {
        return Ok(Vec::new());
    };
    let references = References::load(connection, job, first, last).await?;
    let fact = |row: &FactRow| {
        let (id, state, reason, version, duplicate, covered_by, at, chosen, fixed, open_slot) =
            *row;
        let delivery = DeliveryId(id);
        let state = rows::state(id, state)?;
        let covered_by = covered_by
            .map(|position| references.get(job, narrow("delivery", id, position)?))
            .transpose()?;
        // What is settled names the channel as its event did; what is not, if it is known.
        let known = chosen || (fixed && !state.is_settled());
        Ok(NotificationFact {
            job: name.clone(),
            reference: references.get(job, delivery.position())?.clone(),
            class,
            occasion: delivery.occasion(),
            channel: known.then(|| delivery.channel()),
            status: state.status(open_slot.is_some()),
            reason: rows::reason(id, reason)?,
            at: Timestamp(at),
            version: narrow("delivery", id, version)?,
            possible_duplicate: duplicate || open_slot == Some(1),
            covered_by: covered_by.cloned(),
        })
    };
    found
        .iter()
        .map(fact)
        .collect::<Result<_, StoreError>>()
        .map_err(Failure::from)
}
