//! Jobs that end: by the agency's word, or because everything of them is settled.

use sqlx::SqliteConnection;

use super::super::error::Work;
use super::super::rows::{self, Filters, put_events};
use super::view::{self, FactRow, Row};
use crate::domain::event::{EventKind, NewEvent, job_ended};
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Occasion, Position, Reference};
use crate::domain::kinds::Channel;
use crate::domain::state::State;
use crate::domain::status::Reason;
use crate::domain::time::Timestamp;
use crate::ports::store::{CHUNK_SIZE, JobView};

const CANCEL_JOB: &str = "UPDATE job SET cancelled_at = ?2 WHERE no = ?1";

/// What waits is settled for `?3`, `?4`; what may have left in slot 0 is uncertain, no answer.
const SETTLE_WAITING: &str = "UPDATE delivery SET
        state = CASE slot WHEN 0 THEN ?3 ELSE 3 END,
        reason = CASE slot WHEN 0 THEN ?4 ELSE 21 END,
        version = version + 1, chosen = max(chosen, fixed), claim = NULL, changed_at = ?5
    WHERE id BETWEEN ?1 AND ?2 AND state IN (4, 5)
    RETURNING id, state, reason, version, duplicate, covered_by, changed_at, chosen, fixed,
        NULL";

const CLOSE: &str = "UPDATE job SET open = open - ?2 WHERE no = ?1 RETURNING open";

const FINISH: &str = "UPDATE job SET finished_at = ?2 WHERE no = ?1";

const POSITION: &str = "SELECT chunk.no * ?3 + ref.key FROM chunk, json_each(chunk.refs) ref
    WHERE chunk.job = ?1 AND ref.value = ?2 LIMIT 1";

const PUT_OPENED: &str = "INSERT INTO opened (job, position, at) VALUES (?1, ?2, ?3)
    ON CONFLICT DO NOTHING";

/// A job of which nothing is open for the first time.
#[derive(Debug)]
pub(in super::super) struct Ended {
    pub(in super::super) job: JobNo,
    pub(in super::super) agency: AgencyNo,
    pub(in super::super) name: JobName,
    pub(in super::super) at: Timestamp,
}

/// Marks a job as finished and makes its `job.finished`.
pub(in super::super) async fn finish(
    connection: &mut SqliteConnection,
    ended: Ended,
) -> Work<NewEvent> {
    sqlx::query(FINISH)
        .bind(ended.job.0)
        .bind(ended.at.0)
        .execute(&mut *connection)
        .await?;
    let totals = rows::totals(connection, ended.job).await?;
    Ok(job_ended(
        EventKind::JobFinished,
        ended.agency,
        &ended.name,
        ended.at,
        &totals,
    ))
}

/// The ids that are settled, and as what unless they may have left.
struct Range {
    first: DeliveryId,
    last: DeliveryId,
    state: State,
    reason: Reason,
}

/// Settles what waits in a range, closes it in the job, and makes the events; `true`: it was the
/// last that was open.
async fn settle_waiting(
    connection: &mut SqliteConnection,
    job: &Row,
    name: &JobName,
    agency: AgencyNo,
    range: Range,
    at: Timestamp,
) -> Work<(Vec<NewEvent>, bool)> {
    let mut settled: Vec<FactRow> = sqlx::query_as(SETTLE_WAITING)
        .bind(range.first.0)
        .bind(range.last.0)
        .bind(range.state.code())
        .bind(range.reason.code())
        .bind(at.0)
        .fetch_all(&mut *connection)
        .await?;
    if settled.is_empty() {
        return Ok((Vec::new(), false));
    }
    settled.sort_unstable_by_key(|row| row.0);
    let count = i64::try_from(settled.len()).unwrap_or(i64::MAX);
    let open: i64 = sqlx::query_scalar(CLOSE)
        .bind(job.no.0)
        .bind(count)
        .fetch_one(&mut *connection)
        .await?;
    let facts = view::facts(connection, job.no, name, job.rules.class, &settled).await?;
    let events = facts.iter().filter_map(|fact| fact.to_event(agency));
    Ok((events.collect(), open == 0 && !job.finished))
}

pub(super) async fn cancel(
    connection: &mut SqliteConnection,
    filters: &Filters,
    agency: AgencyNo,
    name: &JobName,
    at: Timestamp,
) -> Work<Option<JobView>> {
    let Some(job) = view::row(connection, agency, name).await? else {
        return Ok(None);
    };
    if !job.cancelled && (!job.finished || job.open) {
        sqlx::query(CANCEL_JOB)
            .bind(job.no.0)
            .bind(at.0)
            .execute(&mut *connection)
            .await?;
        let range = Range {
            first: DeliveryId::first_of(job.no),
            last: DeliveryId::last_of(job.no),
            state: State::Cancelled,
            reason: Reason::Cancelled,
        };
        let (mut events, last) = settle_waiting(connection, &job, name, agency, range, at).await?;
        let totals = rows::totals(connection, job.no).await?;
        let kind = EventKind::JobCancelled;
        events.push(job_ended(kind, agency, name, at, &totals));
        if last {
            events.push(finish(connection, ended(&job, agency, name, at)).await?);
        }
        put_events(connection, filters, &events).await?;
    }
    let found = view::of(connection, agency, name).await?;
    Ok(found.map(|(_, view)| view))
}

fn ended(job: &Row, agency: AgencyNo, name: &JobName, at: Timestamp) -> Ended {
    Ended {
        job: job.no,
        agency,
        name: name.clone(),
        at,
    }
}

pub(super) async fn open(
    connection: &mut SqliteConnection,
    filters: &Filters,
    agency: AgencyNo,
    name: &JobName,
    reference: &Reference,
    at: Timestamp,
) -> Work<bool> {
    let Some(job) = view::row(connection, agency, name).await? else {
        return Ok(false);
    };
    let position: Option<i64> = sqlx::query_scalar(POSITION)
        .bind(job.no.0)
        .bind(reference.as_str())
        .bind(CHUNK_SIZE)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(position) = position else {
        return Ok(false);
    };
    let position: Position = rows::narrow("chunk", job.no.0, position)?;
    sqlx::query(PUT_OPENED)
        .bind(job.no.0)
        .bind(position)
        .bind(at.0)
        .execute(&mut *connection)
        .await?;
    const LAST: Occasion = 7;
    let range = Range {
        first: DeliveryId::of(job.no, position, 1, Channel::Sms),
        last: DeliveryId::of(job.no, position, LAST, Channel::Email),
        state: State::NotSent,
        reason: Reason::Opened,
    };
    let (mut events, last) = settle_waiting(connection, &job, name, agency, range, at).await?;
    if last {
        events.push(finish(connection, ended(&job, agency, name, at)).await?);
    }
    put_events(connection, filters, &events).await?;
    Ok(true)
}
