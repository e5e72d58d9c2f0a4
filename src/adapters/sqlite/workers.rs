//! Who is alive, whose work must be found again, how much waits.

use std::time::Duration;

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::ledger::{Holder, Wait, release};
use super::rows::narrow;
use super::write::Verdict;
use crate::domain::fair::RAISED_AT_MOST;
use crate::domain::ids::{AgencyNo, WorkerId};
use crate::domain::kinds::Lane;
use crate::domain::time::Timestamp;
use crate::ports::store::{Backlog, Reaped, StoreError, Workers};

const START: &str = "INSERT INTO worker (name, started_at, heartbeat_at) VALUES (?1, ?2, ?2)
    RETURNING id";

const BEAT: &str = "UPDATE worker SET heartbeat_at = ?2 WHERE id = ?1 AND ended_at IS NULL";

const END: &str = "UPDATE worker SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL";

const DEAD: &str = "UPDATE worker SET ended_at = ?2
    WHERE ended_at IS NULL AND heartbeat_at < ?1 RETURNING id";

/// Counts stop at 100,000 so that a backlog of millions costs no more.
const BACKLOG: &str = "SELECT no, lane, sum(count), min(oldest) FROM (SELECT a.no, l.value AS lane,
        (SELECT count(*) FROM (SELECT 1 FROM delivery d WHERE d.agency = a.no AND d.lane = l.value
            AND (d.id & 1) = c.value AND d.due <= ?1 AND d.state IN (4, 5) LIMIT 100000)) AS count,
        (SELECT d.due FROM delivery d WHERE d.agency = a.no AND d.lane = l.value
            AND (d.id & 1) = c.value AND d.due <= ?1 AND d.state IN (4, 5) ORDER BY d.due LIMIT 1)
            AS oldest
    FROM agency a, json_each('[0, 1, 2]') l, json_each('[0, 1]') c)
    WHERE count > 0 GROUP BY no, lane ORDER BY no, lane";

/// `changed_at` is untouched by claims and hand-backs, so that what is starving is raised: from
/// bulk to normal here, from normal to urgent below, and not while a stop holds it.
const RAISE_BULK: &str = "UPDATE delivery SET lane = 1, changed_at = ?3
    WHERE id IN (SELECT d.id FROM agency a
        CROSS JOIN json_each('[0, 1]') c
        CROSS JOIN delivery d ON d.agency = a.no AND d.lane = 2 AND (d.id & 1) = c.value
            AND d.due < ?1 AND d.changed_at < ?1 AND d.state IN (4, 5)
        WHERE a.stopped_at IS NULL AND (SELECT stopped_at FROM fleet) IS NULL
        LIMIT ?2)";
/// Agencies, channels, and how many of theirs may still be raised to urgent.
const ROOM: &str = "SELECT a.no, c.value, ?2 - (SELECT count(*) FROM (SELECT 1 FROM delivery u
            WHERE u.agency = a.no AND u.lane = 0 AND (u.id & 1) = c.value
                AND u.state IN (4, 5) AND u.due <= ?1 LIMIT ?2))
        AS room
    FROM agency a, json_each('[0, 1]') c
    WHERE a.stopped_at IS NULL AND (SELECT stopped_at FROM fleet) IS NULL AND room > 0";
const RAISE_NORMAL: &str = "UPDATE delivery SET lane = 0, changed_at = ?3
    WHERE id IN (SELECT id FROM delivery WHERE agency = ?4 AND lane = 1 AND (id & 1) = ?5
            AND due < ?1 AND changed_at < ?1 AND state IN (4, 5)
        ORDER BY due, id LIMIT ?2)";

const PING: &str = "SELECT count(*) FROM fleet";

#[async_trait]
impl Workers for SqliteStore {
    async fn start_worker(&self, name: &str) -> Result<WorkerId, StoreError> {
        let (name, now) = (name.to_owned(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let id = sqlx::query_scalar(START).bind(name).bind(now.0);
                Ok(WorkerId(id.fetch_one(connection).await?))
            })
        })
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Option<Timestamp>, StoreError> {
        let now = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                let beat = sqlx::query(BEAT).bind(worker.0).bind(now.0);
                let alive = beat.execute(connection).await?.rows_affected() == 1;
                Ok(alive.then_some(now))
            })
        })
        .await
    }

    async fn end_worker(
        &self,
        worker: WorkerId,
        unknown_sms: Duration,
        unknown_email: Duration,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let holder = Holder {
            workers: vec![worker],
            wait: Wait {
                sms: unknown_sms,
                email: unknown_email,
            },
        };
        self.write(move |connection| {
            Box::pin(async move {
                let end = sqlx::query(END).bind(worker.0).bind(now.0);
                end.execute(&mut *connection).await?;
                release(connection, &holder, now).await?;
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
        let now = self.now();
        let wait = Wait {
            sms: unknown_sms,
            email: unknown_email,
        };
        self.decide(move |connection| {
            Box::pin(async move {
                let dead: Vec<i64> = sqlx::query_scalar(DEAD)
                    .bind(now.minus(dead_after).0)
                    .bind(now.0)
                    .fetch_all(&mut *connection)
                    .await?;
                if dead.is_empty() {
                    return Ok(Verdict::NothingToDo(Reaped::default()));
                }
                let workers = dead.into_iter().map(WorkerId).collect();
                let holder = Holder { workers, wait };
                let (handed_back, unknown) = release(connection, &holder, now).await?;
                Ok(Verdict::Commit(Reaped {
                    workers: holder.workers.len() as u64,
                    handed_back,
                    unknown,
                }))
            })
        })
        .await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let rows: Vec<(i32, i64, i64, Option<i64>)> = sqlx::query_as(BACKLOG)
            .bind(self.now().0)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let backlog = |(agency, lane, due, oldest): (i32, i64, i64, Option<i64>)| {
            let lane = i16::try_from(lane).ok().and_then(Lane::from_code);
            Ok(Backlog {
                agency: AgencyNo(agency),
                lane: lane.ok_or_else(|| corrupt("delivery", agency, "no such lane"))?,
                due: narrow("delivery", i64::from(agency), due)?,
                oldest_due: oldest.map(Timestamp),
            })
        };
        rows.into_iter().map(backlog).collect()
    }

    async fn raise_lanes(&self, after: Duration, limit: u32) -> Result<u64, StoreError> {
        let now = self.now();
        self.decide(move |connection| {
            Box::pin(async move {
                let late = now.minus(after).0;
                let rooms: Vec<(i32, i64, i64)> = sqlx::query_as(ROOM)
                    .bind(now.0)
                    .bind(RAISED_AT_MOST)
                    .fetch_all(&mut *connection)
                    .await?;
                let mut raised = 0;
                // What was just raised has changed and takes no second step.
                for (agency, channel, room) in rooms {
                    let left = i64::from(limit).saturating_sub_unsigned(raised);
                    let raise = sqlx::query(RAISE_NORMAL)
                        .bind(late)
                        .bind(room.min(left).max(0))
                        .bind(now.0)
                        .bind(agency)
                        .bind(channel);
                    raised += raise.execute(&mut *connection).await?.rows_affected();
                }
                let raise = sqlx::query(RAISE_BULK).bind(late).bind(limit).bind(now.0);
                raised += raise.execute(connection).await?.rows_affected();
                if raised == 0 {
                    return Ok(Verdict::NothingToDo(0));
                }
                Ok(Verdict::Commit(raised))
            })
        })
        .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let _rows: i64 = sqlx::query_scalar(PING)
            .fetch_one(self.readers())
            .await
            .map_err(Failure::from)?;
        Ok(())
    }
}
