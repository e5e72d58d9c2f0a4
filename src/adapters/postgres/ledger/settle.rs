//! Settling: outcomes, next states, fallbacks, counters, events.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::outcomes::Columns;
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::events::{Filters, tell};
use crate::adapters::postgres::totals::totals;
use crate::domain::event::{EventKind, NewEvent, NotificationFact, job_ended};
use crate::domain::ids::JobNo;
use crate::domain::time::Timestamp;
use crate::ports::store::{Next, SettleReport, Settlement, StoreError};

/// Keeps cancellations and openings, which hold the job, out until what waits again is written: they
/// settle it then, or it is seen here that they came first. Jobs before deliveries, as they do.
const HOLD_JOBS: &str = "SELECT FROM job WHERE no = ANY($1) ORDER BY no FOR KEY SHARE";

/// Everything but the events, in one statement. `moved`: the deliveries whose guard holds, with the
/// try that the guard speaks of: open in the claim, or by a late receipt unknown. `begun`: fallbacks, on the other channel. `held`, `counted`: the jobs, locked in order
/// of their numbers because workers settle the same jobs side by side.
const SETTLE: &str = "WITH moved AS ( \
        UPDATE delivery d SET state = s.state, reason = s.reason, due = CASE \
                WHEN s.state = 5 AND (SELECT j.cancelled_at IS NOT NULL FROM job j \
                    WHERE j.no = s.id >> 18) THEN s.at \
                WHEN s.state = 5 AND (s.id >> 1) & 7 > 0 AND (SELECT TRUE FROM opened o \
                    WHERE o.job = s.id >> 18 AND o.position = (s.id >> 4) & 16383) THEN s.at \
                ELSE COALESCE(s.due, d.due) END, \
            slot = COALESCE(s.slot, d.slot), tries = COALESCE(s.tries, d.tries), \
            attempts = GREATEST(d.attempts, s.try_no + 1), version = d.version + s.raise, \
            chosen = COALESCE(s.chosen, d.chosen), duplicate = d.duplicate OR s.duplicate, \
            silent = s.silent, covered_by = s.covered_by, claim = NULL, changed_at = s.at \
        FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::smallint[], $5::int[], \
            $6::bigint[], $7::smallint[], $8::smallint[], $9::bigint[], $10::smallint[], \
            $11::int[], $12::int[], $13::bool[], $14::bool[], $15::bool[], $16::smallint[], \
            $17::bigint[], $18::smallint[], $19::int[], $20::smallint[], $21::text[], \
            $22::int[], $23::bigint[]) \
            AS s (place, id, claim, was, version, was_due, state, reason, due, slot, tries, raise, \
                chosen, duplicate, silent, covered_by, at, try_slot, try_no, outcome, provider, \
                delta, fallback) \
        WHERE d.id = s.id AND d.state = s.was AND CASE \
            WHEN s.claim IS NULL THEN s.was <> 6 AND d.version = s.version AND d.due = s.was_due \
            ELSE d.claim = s.claim END \
            AND (s.try_no IS NULL OR EXISTS (SELECT FROM try t \
                WHERE t.delivery = s.id AND t.slot = s.try_slot AND t.freed = 0 \
                    AND t.no = s.try_no AND CASE \
                    WHEN s.claim IS NULL THEN t.outcome IS NULL OR t.outcome = 3 \
                    ELSE t.claim = s.claim AND t.outcome IS NULL END)) \
        RETURNING s.place, d.id, d.agency, d.lane, d.version, d.chosen, d.duplicate, s.at, \
            s.try_slot, s.try_no, s.outcome, s.provider, s.delta, s.fallback), \
    tried AS ( \
        UPDATE try t SET outcome = m.outcome, outcome_at = m.at, \
            provider_ref = CASE m.id & 1 WHEN 0 THEN COALESCE(m.provider, t.provider_ref) END, \
            queue_id = CASE m.id & 1 WHEN 1 THEN COALESCE(m.provider, t.queue_id) END \
        FROM moved m WHERE t.delivery = m.id AND t.slot = m.try_slot AND t.freed = 0 \
            AND t.no = m.try_no), \
    begun AS ( \
        INSERT INTO delivery (id, agency, lane, state, fixed, chosen, due, changed_at) \
        SELECT m.id # 1::bigint, m.agency, m.lane, 5, TRUE, TRUE, m.fallback, m.at \
        FROM moved m WHERE m.fallback IS NOT NULL ORDER BY m.id \
        ON CONFLICT (id) DO NOTHING RETURNING id), \
    change AS ( \
        SELECT c.job, sum(c.delta) AS delta, max(c.at) AS at FROM ( \
            SELECT id >> 18 AS job, delta, at FROM moved \
            UNION ALL SELECT id >> 18, 1, 0 FROM begun) c \
        GROUP BY c.job HAVING sum(c.delta) <> 0), \
    held AS MATERIALIZED ( \
        SELECT j.no, c.delta, c.at, j.finished_at FROM change c JOIN job j ON j.no = c.job \
        ORDER BY j.no FOR NO KEY UPDATE OF j), \
    counted AS ( \
        UPDATE job j SET open = j.open + h.delta, finished_at = CASE \
            WHEN j.open + h.delta = 0 THEN COALESCE(j.finished_at, h.at) ELSE j.finished_at END \
        FROM held h WHERE j.no = h.no \
        RETURNING j.no, h.at, j.open = 0 AND h.finished_at IS NULL AS finished) \
    SELECT place, NULL::bigint AS job, version, chosen, duplicate, NULL::bigint AS at FROM moved \
    UNION ALL SELECT NULL, no, NULL, NULL, NULL, at FROM counted WHERE finished";

pub(super) async fn settle(
    store: &PostgresStore,
    settlements: Vec<Settlement>,
) -> Result<SettleReport, StoreError> {
    let filters = store.filters();
    let columns = Columns::of(&settlements)?;
    let batch = Arc::new((settlements, columns));
    store
        .transact_planned(move |connection| {
            let (filters, batch) = (Arc::clone(&filters), Arc::clone(&batch));
            Box::pin(async move { run(connection, &filters, &batch.0, &batch.1).await })
        })
        .await
}

async fn run(
    connection: &mut PgConnection,
    filters: &Filters,
    settlements: &[Settlement],
    columns: &Columns,
) -> Result<SettleReport, Fault> {
    let waits = |s: &&Settlement| matches!(s.next, Next::Wait { .. });
    let mut jobs: Vec<i64> = settlements
        .iter()
        .filter(waits)
        .map(|settlement| settlement.delivery.job().0)
        .collect();
    if !jobs.is_empty() {
        jobs.sort_unstable();
        jobs.dedup();
        sqlx::query(HOLD_JOBS)
            .bind(jobs)
            .execute(&mut *connection)
            .await?;
    }
    let rows = write(connection, columns).await?;
    let mut held = vec![None; settlements.len()];
    let mut finished = Vec::new();
    for row in &rows {
        match row.try_get::<Option<i32>, _>(0)? {
            Some(place) => {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                if let Some(slot) = held.get_mut(place) {
                    *slot = Some(Moved::read(row)?);
                }
            }
            None => finished.push((JobNo(row.try_get(1)?), Timestamp(row.try_get(5)?))),
        }
    }
    let mut events = Vec::with_capacity(settlements.len());
    let mut fenced = Vec::new();
    for (index, (settlement, moved)) in settlements.iter().zip(held).enumerate() {
        match moved {
            Some(moved) => events.extend(event(filters, settlement, moved)),
            None => fenced.push(index),
        }
    }
    events.extend(endings(connection, filters, settlements, finished).await?);
    let events = tell(connection, filters, &events).await?;
    Ok(SettleReport { fenced, events })
}

async fn write(connection: &mut PgConnection, columns: &Columns) -> Result<Vec<PgRow>, Fault> {
    let rows = sqlx::query(SETTLE)
        .bind(&columns.place)
        .bind(&columns.id)
        .bind(&columns.claim)
        .bind(&columns.was)
        .bind(&columns.version)
        .bind(&columns.was_due)
        .bind(&columns.state)
        .bind(&columns.reason)
        .bind(&columns.due)
        .bind(&columns.slot)
        .bind(&columns.tries)
        .bind(&columns.raise)
        .bind(&columns.chosen)
        .bind(&columns.duplicate)
        .bind(&columns.silent)
        .bind(&columns.covered_by)
        .bind(&columns.at)
        .bind(&columns.try_slot)
        .bind(&columns.try_no)
        .bind(&columns.outcome)
        .bind(&columns.provider)
        .bind(&columns.delta)
        .bind(&columns.fallback)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// What the row says after the step.
#[derive(Clone, Copy)]
struct Moved {
    version: i32,
    chosen: bool,
    duplicate: bool,
}

impl Moved {
    fn read(row: &PgRow) -> Result<Self, Fault> {
        Ok(Self {
            version: row.try_get(2)?,
            chosen: row.try_get(3)?,
            duplicate: row.try_get(4)?,
        })
    }
}

/// The event of a settled delivery, if its agency wants it.
fn event(filters: &Filters, settlement: &Settlement, moved: Moved) -> Option<NewEvent> {
    let Next::Settled {
        status,
        reason,
        covered_by,
        ..
    } = &settlement.next
    else {
        return None;
    };
    let label = &settlement.label;
    if !filters.wants(label.agency, EventKind::of_status(*status)?) {
        return None;
    }
    let fact = NotificationFact {
        job: (*label.job).clone(),
        reference: (*label.reference).clone(),
        class: label.class,
        occasion: settlement.delivery.occasion(),
        channel: moved.chosen.then(|| settlement.delivery.channel()),
        status: *status,
        reason: *reason,
        at: settlement.at,
        version: moved.version,
        possible_duplicate: moved.duplicate,
        covered_by: covered_by.as_ref().map(|(_, by)| (**by).clone()),
    };
    fact.to_event(label.agency)
}

/// `job.finished` of the jobs that just finished, as far as their agencies want it.
async fn endings(
    connection: &mut PgConnection,
    filters: &Filters,
    settlements: &[Settlement],
    mut finished: Vec<(JobNo, Timestamp)>,
) -> Result<Vec<NewEvent>, Fault> {
    if finished.is_empty() {
        return Ok(Vec::new());
    }
    let kind = EventKind::JobFinished;
    let labels: HashMap<JobNo, _> = settlements
        .iter()
        .map(|settlement| (settlement.delivery.job(), &settlement.label))
        .collect();
    finished.retain(|(job, _)| {
        let label = labels.get(job);
        label.is_some_and(|label| filters.wants(label.agency, kind))
    });
    if finished.is_empty() {
        return Ok(Vec::new());
    }
    finished.sort_unstable();
    let jobs: Vec<JobNo> = finished.iter().map(|(job, _)| *job).collect();
    let totals = totals(connection, &jobs).await?;
    Ok(finished
        .into_iter()
        .filter_map(|(job, at)| {
            let label = labels.get(&job)?;
            let totals = totals.get(&job)?;
            Some(job_ended(kind, label.agency, &label.job, at, totals))
        })
        .collect())
}
