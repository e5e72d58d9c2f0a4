//! Workers: who is alive, whose work must be found again, how much waits.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::connect::PostgresStore;
use super::error::{Fault, classify};
use super::ledger::{Pairs, Patience, Since, lock_claims, release};
use super::now;
use super::rows::lane;
use crate::domain::fair::RAISED_AT_MOST;
use crate::domain::ids::{AgencyNo, WorkerId};
use crate::domain::kinds::Lane;
use crate::domain::time::{Timestamp, micros};
use crate::ports::store::{Backlog, Reaped, StoreError, Workers};

const START: &str = concat!(
    "INSERT INTO worker (name, started_at, heartbeat_at) SELECT $1, c.now, c.now FROM (SELECT ",
    now!(),
    " AS now) c RETURNING id"
);
const HEARTBEAT: &str = concat!(
    "UPDATE worker SET heartbeat_at = ",
    now!(),
    " WHERE id = $1 AND ended_at IS NULL RETURNING heartbeat_at"
);
const END: &str = concat!(
    "UPDATE worker SET ended_at = ",
    now!(),
    " WHERE id = $1 AND ended_at IS NULL"
);
const FIND_DEAD: &str = concat!(
    "UPDATE worker SET ended_at = c.now FROM (SELECT ",
    now!(),
    " AS now) c WHERE ended_at IS NULL AND heartbeat_at < c.now - $1"
);
/// Claims of every worker that has ended, not only of those just found: a claim that was under way
/// when its worker was taken for dead is found the next time.
const CLAIMS: &str = "SELECT c.id FROM worker w JOIN claim c ON c.worker = w.id \
    WHERE w.ended_at IS NOT NULL AND ($1::bigint IS NULL OR w.id = $1) ORDER BY c.id";
const FORGET: &str = "DELETE FROM claim WHERE id = ANY($1)";

const BACKLOG: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT ",
    now!(),
    " AS now) \
     SELECT a.no, l.lane, sum(b.due)::bigint, min(b.oldest) FROM agency a \
     CROSS JOIN unnest('{0,1,2}'::smallint[]) AS l (lane) \
     CROSS JOIN unnest('{0,1}'::bigint[]) AS c (channel) CROSS JOIN LATERAL ( \
        SELECT count(*) AS due, min(due) AS oldest FROM ( \
            SELECT due FROM delivery WHERE agency = a.no AND delivery.lane = l.lane \
                AND (id & 1) = c.channel AND state IN (4, 5) AND due <= (SELECT now FROM clock) \
            ORDER BY due, id LIMIT 100000) d) b \
     WHERE b.due > 0 GROUP BY a.no, l.lane ORDER BY a.no, l.lane"
);

/// Claims and hand-backs leave `changed_at` as it was, so that what starves is raised: from bulk to
/// normal, from normal to urgent, and not while it is its agency's or the fleet's stop that holds
/// it. A row that another is just claiming is left alone. These are the lanes that are raised, and
/// how many of an agency and channel may be due one above at most. What was just raised has changed
/// and takes no second step.
const STEPS: [(Lane, Option<i64>); 2] = [
    (Lane::Normal, Some(RAISED_AT_MOST as i64)),
    (Lane::Bulk, None),
];
const RAISE: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT ",
    now!(),
    " AS now), \
     late AS MATERIALIZED ( \
        SELECT d.id FROM agency a CROSS JOIN unnest('{0,1}'::bigint[]) AS c (channel) \
        CROSS JOIN LATERAL ( \
            SELECT id FROM delivery WHERE agency = a.no AND delivery.lane = $3 \
                AND (id & 1) = c.channel AND state IN (4, 5) AND due < (SELECT now FROM clock) - $1 \
                AND changed_at < (SELECT now FROM clock) - $1 \
            ORDER BY due, id \
            LIMIT CASE WHEN $4 IS NULL THEN $2 ELSE least($2, $4 - ( \
                SELECT count(*) FROM (SELECT FROM delivery u WHERE u.agency = a.no \
                    AND u.lane = $3 - 1 AND (u.id & 1) = c.channel AND u.state IN (4, 5) \
                    AND u.due <= (SELECT now FROM clock) LIMIT $4) u)) END \
            FOR UPDATE SKIP LOCKED) d \
        WHERE a.stopped_at IS NULL \
            AND NOT EXISTS (SELECT FROM fleet WHERE id = 1 AND stopped_at IS NOT NULL) \
        LIMIT $2) \
     UPDATE delivery d SET lane = d.lane - 1, changed_at = clock.now FROM clock, late WHERE d.id = late.id"
);

#[async_trait]
impl Workers for PostgresStore {
    async fn start_worker(&self, name: &str) -> Result<WorkerId, StoreError> {
        let rows = self.fetch(sqlx::query(START).bind(name)).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound);
        row.and_then(|row| row.try_get(0))
            .map(WorkerId)
            .map_err(classify)
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Option<Timestamp>, StoreError> {
        let beat = sqlx::query(HEARTBEAT).bind(worker.0);
        let rows = self.fetch(beat).await?;
        rows.first()
            .map(|row| row.try_get(0).map(Timestamp))
            .transpose()
            .map_err(classify)
    }

    async fn end_worker(
        &self,
        worker: WorkerId,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError> {
        let patience = Patience::new(unknown_sms, unknown_email);
        self.transact(move |connection| {
            Box::pin(async move {
                sqlx::query(END)
                    .bind(worker.0)
                    .execute(&mut *connection)
                    .await?;
                bury(connection, Some(worker), patience).await?;
                Ok(())
            })
        })
        .await
    }

    async fn reap(
        &self,
        dead_after: Duration,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<Reaped, StoreError> {
        let patience = Patience::new(unknown_sms, unknown_email);
        let dead_after = micros(dead_after);
        self.transact(move |connection| {
            Box::pin(async move {
                let workers = sqlx::query(FIND_DEAD)
                    .bind(dead_after)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                let reaped = bury(connection, None, patience).await?;
                Ok(Reaped { workers, ..reaped })
            })
        })
        .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let rows = self.fetch(sqlx::query(BACKLOG)).await?;
        let lines = rows.iter().map(line).collect::<Result<Vec<_>, Fault>>();
        lines.map_err(StoreError::from)
    }

    async fn raise_lanes(&self, after: Duration, limit: u32) -> Result<u64, StoreError> {
        let mut raised = 0;
        for (lane, at_most) in STEPS {
            let statement = sqlx::query(RAISE)
                .bind(micros(after))
                .bind(i64::from(limit))
                .bind(lane.code())
                .bind(at_most);
            raised += self.execute(statement).await?;
        }
        Ok(raised)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.execute(sqlx::query("SELECT 1")).await.map(|_rows| ())
    }
}

/// Lets go of all that a worker holds which has ended, or all such workers.
async fn bury(
    connection: &mut PgConnection,
    worker: Option<WorkerId>,
    patience: Patience,
) -> Result<Reaped, Fault> {
    let claims: Vec<i64> = sqlx::query(CLAIMS)
        .bind(worker.map(|worker| worker.0))
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    if claims.is_empty() {
        return Ok(Reaped::default());
    }
    lock_claims(connection, &claims).await?;
    let pairs = Pairs::held(connection, &claims).await?;
    let released = release(connection, &pairs, Since::Intent, patience).await?;
    sqlx::query(FORGET)
        .bind(&claims)
        .execute(connection)
        .await?;
    Ok(Reaped {
        workers: 0,
        handed_back: released.handed_back,
        unknown: released.unknown,
    })
}

fn line(row: &PgRow) -> Result<Backlog, Fault> {
    let agency = AgencyNo(row.try_get(0)?);
    Ok(Backlog {
        agency,
        lane: lane("delivery", row.try_get(1)?, agency)?,
        due: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
        oldest_due: row.try_get::<Option<i64>, _>(3)?.map(Timestamp),
    })
}
