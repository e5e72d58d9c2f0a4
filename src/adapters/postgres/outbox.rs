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

/// Notes what is published and reads on from there. Both parts see the streams as they were before.
const UNPUBLISHED: &str = "WITH told AS MATERIALIZED ( \
        SELECT p.agency, LEAST(p.upto, s.last) AS upto \
        FROM unnest($1::int[], $2::bigint[]) AS p (agency, upto) JOIN stream s USING (agency)), \
    noted AS ( \
        INSERT INTO publication AS p (agency, published) SELECT agency, upto FROM told ORDER BY agency \
        ON CONFLICT (agency) DO UPDATE SET published = excluded.published \
            WHERE p.published < excluded.published) \
    SELECT e.agency, e.sequence, e.kind, e.subject, e.at, e.data \
    FROM stream s LEFT JOIN publication p USING (agency) LEFT JOIN told t USING (agency) \
    CROSS JOIN LATERAL ( \
        SELECT * FROM event WHERE event.agency = s.agency \
            AND event.sequence > GREATEST(p.published, p.erased, t.upto, 0) \
        ORDER BY sequence LIMIT $3) e \
    WHERE s.last > GREATEST(p.published, t.upto, 0) AND s.agency <> ALL ($4::int[]) \
    ORDER BY e.agency, e.sequence";
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

    async fn unpublished(
        &self,
        published: &[(AgencyNo, i64)],
        resting: &[AgencyNo],
        limit: u32,
    ) -> Result<Vec<Unpublished>, StoreError> {
        let mut highest: BTreeMap<i32, i64> = BTreeMap::new();
        for (agency, sequence) in published {
            let known = highest.entry(agency.0).or_insert(*sequence);
            *known = (*known).max(*sequence);
        }
        let (agencies, upto): (Vec<i32>, Vec<i64>) = highest.into_iter().unzip();
        let statement = sqlx::query(UNPUBLISHED)
            .bind(agencies)
            .bind(upto)
            .bind(i64::from(limit))
            .bind(resting.iter().map(|agency| agency.0).collect::<Vec<_>>());
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
