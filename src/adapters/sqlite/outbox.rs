//! Events on their way, and the feed.

use std::time::Duration;

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::rows::json;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{AgencyNo, JobName, WorkerId};
use crate::domain::time::Timestamp;
use crate::ports::store::{Outbox, StoreError, Unpublished};

const LEASE: &str = "INSERT INTO lease (role, worker, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (role) DO UPDATE SET worker = excluded.worker, until = excluded.until
    WHERE lease.worker = excluded.worker OR lease.until <= ?4";

const RELEASE: &str = "DELETE FROM lease WHERE role = ?1 AND worker = ?2";

/// CROSS JOIN: from the few streams into the many events, never the other way round.
const UNPUBLISHED: &str = "SELECT e.agency, e.sequence, e.kind, e.subject, e.at, e.data
    FROM (SELECT s.agency, s.last, coalesce(p.published, 0) AS published,
              max(coalesce(p.published, 0), coalesce(p.erased, 0)) AS upto
          FROM stream s LEFT JOIN publication p ON p.agency = s.agency) s
    CROSS JOIN event e ON e.agency = s.agency AND e.sequence > s.upto AND e.sequence <= s.upto + ?1
    WHERE s.published < s.last AND s.agency NOT IN (SELECT value FROM json_each(?2))
    ORDER BY e.agency, e.sequence";

const NOTE: &str = "INSERT INTO publication (agency, published)
    SELECT s.agency, max(min(s.last, e.value ->> 1))
    FROM json_each(?1) e JOIN stream s ON s.agency = e.value ->> 0 GROUP BY s.agency
    ON CONFLICT (agency) DO UPDATE SET published = max(published, excluded.published)";

const FEED: &str = "SELECT agency, sequence, kind, subject, at, data FROM event
    WHERE agency = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";

type Row = (i32, i64, i64, Option<String>, i64, String);

fn event((agency, sequence, kind, subject, at, data): Row) -> Result<Event, StoreError> {
    let wrong = |source| corrupt("event", format!("{agency}/{sequence}"), source);
    Ok(Event {
        agency: AgencyNo(agency),
        sequence,
        kind: i16::try_from(kind)
            .ok()
            .and_then(EventKind::from_code)
            .ok_or_else(|| {
                let source = format!("no kind has code {kind}");
                corrupt("event", format!("{agency}/{sequence}"), source)
            })?,
        subject: subject
            .map(|name| JobName::parse(&name))
            .transpose()
            .map_err(wrong)?,
        at: Timestamp(at),
        data,
    })
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn lease(&self, role: &str, worker: WorkerId, ttl: Duration) -> Result<bool, StoreError> {
        let (role, now) = (role.to_owned(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(LEASE)
                    .bind(role)
                    .bind(worker.0)
                    .bind(now.plus(ttl).0)
                    .bind(now.0)
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }

    async fn release(&self, role: &str, worker: WorkerId) -> Result<(), StoreError> {
        let role = role.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let release = sqlx::query(RELEASE).bind(role).bind(worker.0);
                release.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn unpublished(
        &self,
        published: &[(AgencyNo, i64)],
        resting: &[AgencyNo],
        limit: u32,
    ) -> Result<Vec<Unpublished>, StoreError> {
        if !published.is_empty() {
            let upto: Vec<(i32, i64)> = published.iter().map(|(no, to)| (no.0, *to)).collect();
            self.write(move |connection| {
                Box::pin(async move {
                    let note = sqlx::query(NOTE).bind(json(&upto));
                    note.execute(connection).await?;
                    Ok(())
                })
            })
            .await?;
        }
        let resting: Vec<i32> = resting.iter().map(|agency| agency.0).collect();
        let rows: Vec<Row> = sqlx::query_as(UNPUBLISHED)
            .bind(limit)
            .bind(json(&resting))
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let mut agencies: Vec<Unpublished> = Vec::new();
        for row in rows {
            let event = event(row)?;
            match agencies.last_mut() {
                Some(last) if last.agency == event.agency => last.events.push(event),
                Some(_) | None => agencies.push(Unpublished {
                    agency: event.agency,
                    events: vec![event],
                }),
            }
        }
        Ok(agencies)
    }

    async fn feed(
        &self,
        agency: AgencyNo,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(FEED)
            .bind(agency.0)
            .bind(after)
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        rows.into_iter().map(event).collect()
    }
}
