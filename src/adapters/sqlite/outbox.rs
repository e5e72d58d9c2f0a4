//! Events on their way, and the feed.

use std::time::Duration;

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::rows::json;
use super::write::Verdict;
use crate::domain::event::{Event, EventKind};
use crate::domain::ids::{AgencyNo, JobName, WorkerId};
use crate::domain::time::Timestamp;
use crate::ports::store::{Outbox, StoreError, Unpublished};

const LEASE: &str = "INSERT INTO lease (role, worker, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (role) DO UPDATE SET worker = excluded.worker, until = excluded.until
    WHERE lease.worker = excluded.worker OR lease.until <= ?4";

const RELEASE: &str = "DELETE FROM lease WHERE role = ?1 AND worker = ?2";

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM outbox)";

const NEW_STREAMS: &str = "INSERT INTO stream (agency)
    SELECT DISTINCT agency FROM (SELECT agency FROM outbox ORDER BY id LIMIT ?1) WHERE TRUE
    ON CONFLICT (agency) DO NOTHING";

const NUMBER: &str = "INSERT INTO event (agency, sequence, kind, subject, at, data)
    SELECT o.agency, s.last + row_number() OVER (PARTITION BY o.agency ORDER BY o.id),
           o.kind, o.subject, o.at, o.data
    FROM (SELECT * FROM outbox ORDER BY id LIMIT ?1) o
    JOIN stream s ON s.agency = o.agency";

const ADVANCE: &str = "UPDATE stream SET last = last + moved.count
    FROM (SELECT agency, count(*) AS count
          FROM (SELECT agency FROM outbox ORDER BY id LIMIT ?1) GROUP BY agency) moved
    WHERE stream.agency = moved.agency";

const MOVED: &str = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?1)";

/// CROSS JOIN: from the few streams into the many events, never the other way round.
const UNPUBLISHED: &str = "SELECT e.agency, e.sequence, e.kind, e.subject, e.at, e.data
    FROM stream s
    CROSS JOIN event e ON e.agency = s.agency
        AND e.sequence > max(s.published, s.erased)
        AND e.sequence <= max(s.published, s.erased) + ?1
    WHERE s.published < s.last
    ORDER BY e.agency, e.sequence";

const MARK: &str = "UPDATE stream
    SET published = max(published, min(last, e.value ->> 1))
    FROM json_each(?1) e WHERE stream.agency = e.value ->> 0";

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

    async fn advance_events(
        &self,
        published: &[(AgencyNo, i64)],
        limit: u32,
    ) -> Result<u32, StoreError> {
        let any: bool = sqlx::query_scalar(ANY)
            .fetch_one(self.readers())
            .await
            .map_err(Failure::from)?;
        if !any && published.is_empty() {
            return Ok(0);
        }
        let upto: Vec<(i32, i64)> = published.iter().map(|(no, to)| (no.0, *to)).collect();
        self.decide(move |connection| {
            Box::pin(async move {
                if !upto.is_empty() {
                    let note = sqlx::query(MARK).bind(json(&upto));
                    note.execute(&mut *connection).await?;
                }
                for sql in [NEW_STREAMS, NUMBER, ADVANCE] {
                    sqlx::query(sql)
                        .bind(limit)
                        .execute(&mut *connection)
                        .await?;
                }
                let moved = sqlx::query(MOVED).bind(limit).execute(connection).await?;
                // Bounded by `limit`.
                match u32::try_from(moved.rows_affected()).unwrap_or(limit) {
                    0 if upto.is_empty() => Ok(Verdict::NothingToDo(0)),
                    moved => Ok(Verdict::Commit(moved)),
                }
            })
        })
        .await
    }

    async fn unpublished(&self, limit: u32) -> Result<Vec<Unpublished>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(UNPUBLISHED)
            .bind(limit)
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
