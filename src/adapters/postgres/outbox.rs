//! Events on their way to the agencies, and the feed.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{Fault, corrupt};
use super::now;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{AgencyNo, JobName, WorkerId};
use crate::domain::time::{Timestamp, micros};
use crate::ports::BoxError;
use crate::ports::store::{Outbox, StoreError, Unpublished};

const LEASE: &str = concat!(
    "INSERT INTO lease AS l (role, worker, until) SELECT $1, $2, c.now + $3 FROM (SELECT ",
    now!(),
    " AS now) c ON CONFLICT (role) DO UPDATE SET worker = excluded.worker, until = excluded.until \
      WHERE l.worker = excluded.worker OR l.until <= excluded.until - $3"
);
const RELEASE: &str = "DELETE FROM lease WHERE role = $1 AND worker = $2";

/// Callers queue up here, so that the statement after it sees all that was committed before.
const QUEUE: &str = "SELECT pg_advisory_xact_lock(7310861)";

/// Moves the oldest events. Their numbers go on from `stream.last`, which the last part reads as it
/// was before this statement and the middle part raises.
const NUMBER: &str = "WITH moved AS MATERIALIZED ( \
        DELETE FROM outbox o WHERE o.id = ANY (ARRAY( \
            SELECT id FROM outbox ORDER BY id LIMIT $1)) \
        RETURNING o.id, o.agency, o.kind, o.subject, o.at, o.data), \
    raised AS ( \
        INSERT INTO stream AS s (agency, last) \
        SELECT agency, count(*) FROM moved GROUP BY agency ORDER BY agency \
        ON CONFLICT (agency) DO UPDATE SET last = s.last + excluded.last) \
    INSERT INTO event (agency, sequence, kind, subject, at, data) \
    SELECT m.agency, COALESCE((SELECT s.last FROM stream s WHERE s.agency = m.agency), 0) \
            + row_number() OVER (PARTITION BY m.agency ORDER BY m.id), \
        m.kind, m.subject, m.at, m.data \
    FROM moved m";

const UNPUBLISHED: &str = "SELECT e.agency, e.sequence, e.kind, e.subject, e.at, e.data \
    FROM stream s CROSS JOIN LATERAL ( \
        SELECT * FROM event WHERE event.agency = s.agency \
            AND event.sequence > GREATEST(s.published, s.erased) ORDER BY sequence LIMIT $1) e \
    WHERE s.last > s.published ORDER BY e.agency, e.sequence";
const PUBLISHED: &str = "UPDATE stream s SET published = LEAST(p.upto, s.last) \
    FROM unnest($1::int[], $2::bigint[]) AS p (agency, upto) \
    WHERE s.agency = p.agency AND s.published < LEAST(p.upto, s.last)";
const FEED: &str = "SELECT agency, sequence, kind, subject, at, data FROM event \
    WHERE agency = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

#[async_trait]
impl Outbox for PostgresStore {
    async fn lease(&self, role: &str, worker: WorkerId, ttl: Duration) -> Result<bool, StoreError> {
        let statement = sqlx::query(LEASE)
            .bind(role)
            .bind(worker.0)
            .bind(micros(ttl));
        Ok(self.execute(statement).await? == 1)
    }

    async fn release(&self, role: &str, worker: WorkerId) -> Result<(), StoreError> {
        let statement = sqlx::query(RELEASE).bind(role).bind(worker.0);
        self.execute(statement).await.map(|_rows| ())
    }

    async fn advance_events(
        &self,
        published: &[(AgencyNo, i64)],
        limit: u32,
    ) -> Result<u32, StoreError> {
        let mut highest: BTreeMap<i32, i64> = BTreeMap::new();
        for (agency, sequence) in published {
            let known = highest.entry(agency.0).or_insert(*sequence);
            *known = (*known).max(*sequence);
        }
        let (agencies, upto): (Vec<i32>, Vec<i64>) = highest.into_iter().unzip();
        self.transact_planned(move |connection| {
            let (agencies, upto) = (agencies.clone(), upto.clone());
            Box::pin(async move {
                sqlx::query(QUEUE).execute(&mut *connection).await?;
                if !agencies.is_empty() {
                    let note = sqlx::query(PUBLISHED).bind(agencies).bind(upto);
                    note.execute(&mut *connection).await?;
                }
                let moved = sqlx::query(NUMBER)
                    .bind(i64::from(limit))
                    .execute(connection)
                    .await?;
                Ok(u32::try_from(moved.rows_affected()).unwrap_or(limit))
            })
        })
        .await
    }

    async fn unpublished(&self, limit: u32) -> Result<Vec<Unpublished>, StoreError> {
        let statement = sqlx::query(UNPUBLISHED).bind(i64::from(limit));
        let rows = self.fetch(statement).await?;
        let mut waiting: Vec<Unpublished> = Vec::new();
        for row in &rows {
            let event = event(row)?;
            match waiting.last_mut() {
                Some(last) if last.agency == event.agency => last.events.push(event),
                Some(_) | None => waiting.push(Unpublished {
                    agency: event.agency,
                    events: vec![event],
                }),
            }
        }
        Ok(waiting)
    }

    async fn feed(
        &self,
        agency: AgencyNo,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let statement = sqlx::query(FEED)
            .bind(agency.0)
            .bind(after)
            .bind(i64::from(limit));
        let rows = self.fetch(statement).await?;
        rows.iter()
            .map(|row| event(row).map_err(StoreError::from))
            .collect()
    }
}

fn event(row: &PgRow) -> Result<Event, Fault> {
    let (agency, sequence): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
    let unreadable = |source: BoxError| corrupt("event", format!("{agency}/{sequence}"), source);
    let kind: i16 = row.try_get(2)?;
    let subject: Option<&str> = row.try_get(3)?;
    Ok(Event {
        agency: AgencyNo(agency),
        sequence,
        kind: EventKind::from_code(kind)
            .ok_or_else(|| unreadable(format!("kind {kind} is not known here").into()))?,
        subject: subject
            .map(JobName::parse)
            .transpose()
            .map_err(|error| unreadable(error.into()))?,
        at: Timestamp(row.try_get(4)?),
        data: row.try_get(5)?,
    })
}
