//! Erasing what may not be kept, down to the bytes on disk.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::connect::SqliteStore;
use super::error::{Work, unavailable};
use super::rows::json;
use super::write::Verdict;
use crate::domain::address_limit::KEEP;
use crate::domain::ids::{DeliveryId, JobNo};
use crate::domain::time::Timestamp;
use crate::ports::store::{CODE_LIFE, CODE_WINDOW, Erased, Retention, SESSION_AT_MOST, StoreError};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long a receipt waits for its try.
const PARKED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Jobs at one step of erasing, settled before a time; oldest first. A late failure may have opened
/// one again for a fallback: it is kept until that is settled too.
const AGED: &str = "SELECT no FROM job WHERE erased = ?1 AND finished_at < ?2 AND open = 0
    ORDER BY finished_at LIMIT ?3";

const ERASE_TEXTS: &str = "UPDATE chunk SET contents = NULL, message = NULL
    WHERE job IN (SELECT value FROM json_each(?1))";
const ERASE_COVERS: &str = "DELETE FROM cover WHERE job IN (SELECT value FROM json_each(?1))";
const ERASE_PERSONS: &str = "UPDATE chunk SET persons = NULL
    WHERE job IN (SELECT value FROM json_each(?1))";
const ERASE_HISTORY: &str = "DELETE FROM person_job WHERE job IN (SELECT value FROM json_each(?1))";
const MARK: &str = "UPDATE job SET erased = ?2 WHERE no IN (SELECT value FROM json_each(?1))";

const GONE_CHUNKS: &str = "DELETE FROM chunk WHERE job IN (SELECT value FROM json_each(?1))";
const GONE_OPENED: &str = "DELETE FROM opened WHERE job IN (SELECT value FROM json_each(?1))";
const GONE_JOBS: &str = "DELETE FROM job WHERE no IN (SELECT value FROM json_each(?1))";
const GONE_TRIES: &str = "DELETE FROM try WHERE delivery BETWEEN ?1 AND ?2";
const GONE_FACTS: &str = "DELETE FROM letter_fact WHERE delivery BETWEEN ?1 AND ?2";
const GONE_DELIVERIES: &str = "DELETE FROM delivery WHERE id BETWEEN ?1 AND ?2";

/// Per agency the end of the events that may go, from the oldest on without a gap: those that are
/// published, or all when nothing was ever published (there is no broker).
const OLD_EVENTS: &str = "SELECT s.agency, (SELECT max(e.sequence) FROM
        (SELECT sequence, max(at) OVER (ORDER BY sequence) AS latest FROM
            (SELECT sequence, at FROM event
             WHERE agency = s.agency AND sequence > coalesce(p.erased, 0)
               AND (coalesce(p.published, 0) = 0 OR sequence <= p.published)
             ORDER BY sequence LIMIT ?2)) e
        WHERE e.latest < ?1) AS upto
    FROM stream s LEFT JOIN publication p ON p.agency = s.agency WHERE upto IS NOT NULL";
const GONE_EVENTS: &str = "DELETE FROM event WHERE agency = ?1 AND sequence <= ?2";
const MARK_EVENTS: &str = "INSERT INTO publication (agency, erased) VALUES (?1, ?2)
    ON CONFLICT (agency) DO UPDATE SET erased = max(erased, excluded.erased)";

const GONE_WORKERS: &str = "DELETE FROM worker WHERE ended_at < ?1";
const GONE_CLAIMS: &str = "DELETE FROM claim WHERE id IN (SELECT c.id FROM claim c
    WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.state = 6 AND d.claim = c.id)
    ORDER BY c.id LIMIT ?1)";
const GONE_ADDRESSES: &str = "DELETE FROM address_use WHERE latest < ?1";
const GONE_HISTORY: &str = "DELETE FROM gateway_history WHERE at < ?1";
const GONE_SESSIONS: &str = "DELETE FROM page_session WHERE began_at < ?1";
const GONE_CODES: &str = "DELETE FROM page_code WHERE made_at < ?1";
const GONE_SENT: &str = "DELETE FROM page_sent WHERE latest < ?1";
const GONE_RECEIPTS: &str = "DELETE FROM parked_receipt WHERE received_at < ?1";

const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// From when on what is too old.
#[derive(Debug, Clone, Copy)]
struct Ages {
    texts: Timestamp,
    identities: Timestamp,
    facts: Timestamp,
    events: Timestamp,
    now: Timestamp,
    limit: u32,
}

#[async_trait]
impl Retention for SqliteStore {
    async fn erase(
        &self,
        texts: Timestamp,
        identities: Timestamp,
        facts: Timestamp,
        events: Timestamp,
        limit: u32,
    ) -> Result<Erased, StoreError> {
        let ages = Ages {
            texts,
            identities,
            facts,
            events,
            now: self.now(),
            limit,
        };
        let (erased, other) = self
            .decide(move |connection| Box::pin(erase(connection, ages)))
            .await?;
        if !erased.is_nothing() || other > 0 {
            self.inner.log_to_truncate.store(true, Ordering::Release);
        }
        if self.inner.log_to_truncate.load(Ordering::Acquire) {
            self.truncate_log().await?;
            self.inner.log_to_truncate.store(false, Ordering::Release);
        }
        Ok(erased)
    }
}

impl SqliteStore {
    /// Empties the write-ahead log into the file, so that no older version of a page stays on
    /// disk. Waits for whoever still reads an older one.
    async fn truncate_log(&self) -> Result<(), StoreError> {
        let store = self.clone();
        let task = async move {
            let mut writer = store.inner.writer.lock().await;
            let connection = writer.idle().await?;
            let busy: (i64, i64, i64) = sqlx::query_as(TRUNCATE).fetch_one(connection).await?;
            Work::Ok(busy.0)
        };
        match tokio::spawn(task).await.map_err(unavailable)?? {
            0 => Ok(()),
            _busy => Err(unavailable(
                "somebody reads the database all the time, so that what was erased is still in \
                 its write-ahead log; the next erasing tries again",
            )),
        }
    }
}

/// Answers what was erased of what people may see, and how many other rows went.
async fn erase(connection: &mut SqliteConnection, ages: Ages) -> Work<Verdict<(Erased, u64)>> {
    let erased = Erased {
        texts: erase_texts(connection, ages).await?,
        identities: erase_identities(connection, ages).await?,
        jobs: erase_jobs(connection, ages).await?,
        events: erase_events(connection, ages).await?,
    };
    let other = tidy(connection, ages).await?;
    if erased.is_nothing() && other == 0 {
        return Ok(Verdict::NothingToDo((erased, other)));
    }
    Ok(Verdict::Commit((erased, other)))
}

async fn aged(
    connection: &mut SqliteConnection,
    step: i64,
    before: Timestamp,
    limit: u32,
) -> Work<Vec<i64>> {
    let jobs = sqlx::query_scalar(AGED).bind(step).bind(before.0);
    Ok(jobs.bind(limit).fetch_all(connection).await?)
}

async fn each(
    connection: &mut SqliteConnection,
    statements: &[&'static str],
    jobs: &[i64],
) -> Work<()> {
    let jobs = json(jobs);
    for sql in statements {
        sqlx::query(*sql)
            .bind(&jobs)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn mark(connection: &mut SqliteConnection, jobs: &[i64], step: i64) -> Work<u64> {
    let mark = sqlx::query(MARK).bind(json(jobs)).bind(step);
    Ok(mark.execute(connection).await?.rows_affected())
}

async fn erase_texts(connection: &mut SqliteConnection, ages: Ages) -> Work<u64> {
    let jobs = aged(connection, 0, ages.texts, ages.limit).await?;
    if jobs.is_empty() {
        return Ok(0);
    }
    each(connection, &[ERASE_TEXTS, ERASE_COVERS], &jobs).await?;
    mark(connection, &jobs, 1).await
}

/// A job whose identity numbers must go before its texts loses both.
async fn erase_identities(connection: &mut SqliteConnection, ages: Ages) -> Work<u64> {
    let mut jobs = aged(connection, 1, ages.identities, ages.limit).await?;
    let room = ages
        .limit
        .saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
    jobs.extend(aged(connection, 0, ages.identities, room).await?);
    if jobs.is_empty() {
        return Ok(0);
    }
    let statements = [ERASE_PERSONS, ERASE_HISTORY, ERASE_TEXTS, ERASE_COVERS];
    each(connection, &statements, &jobs).await?;
    mark(connection, &jobs, 2).await
}

async fn erase_jobs(connection: &mut SqliteConnection, ages: Ages) -> Work<u64> {
    let mut jobs = Vec::new();
    for step in 0..=2 {
        jobs.extend(aged(connection, step, ages.facts, ages.limit).await?);
    }
    jobs.truncate(usize::try_from(ages.limit).unwrap_or(usize::MAX));
    for job in &jobs {
        let (first, last) = (
            DeliveryId::first_of(JobNo(*job)),
            DeliveryId::last_of(JobNo(*job)),
        );
        for sql in [GONE_TRIES, GONE_FACTS, GONE_DELIVERIES] {
            let gone = sqlx::query(sql).bind(first.0).bind(last.0);
            gone.execute(&mut *connection).await?;
        }
    }
    if !jobs.is_empty() {
        let statements = [
            GONE_CHUNKS,
            ERASE_HISTORY,
            ERASE_COVERS,
            GONE_OPENED,
            GONE_JOBS,
        ];
        each(connection, &statements, &jobs).await?;
    }
    Ok(jobs.len() as u64)
}

async fn erase_events(connection: &mut SqliteConnection, ages: Ages) -> Work<u64> {
    let old: Vec<(i32, i64)> = sqlx::query_as(OLD_EVENTS)
        .bind(ages.events.0)
        .bind(i64::from(ages.limit) * 100)
        .fetch_all(&mut *connection)
        .await?;
    let mut gone = 0;
    for (agency, upto) in old {
        for sql in [MARK_EVENTS, GONE_EVENTS] {
            let done = sqlx::query(sql).bind(agency).bind(upto);
            let rows = done.execute(&mut *connection).await?.rows_affected();
            gone += if sql == GONE_EVENTS { rows } else { 0 };
        }
    }
    Ok(gone)
}

async fn tidy(connection: &mut SqliteConnection, ages: Ages) -> Work<u64> {
    let mut gone = 0;
    for (sql, bound) in [
        (GONE_WORKERS, ages.now.minus(DAY).0),
        (GONE_ADDRESSES, ages.now.minus(KEEP).0),
        (GONE_RECEIPTS, ages.now.minus(PARKED).0),
        (GONE_HISTORY, ages.facts.0),
        (GONE_SESSIONS, ages.now.minus(SESSION_AT_MOST).0),
        (GONE_CODES, ages.now.minus(CODE_LIFE).0),
        (GONE_SENT, ages.now.minus(CODE_WINDOW).0),
        (GONE_CLAIMS, i64::from(ages.limit) * 100),
    ] {
        let done = sqlx::query(sql).bind(bound).execute(&mut *connection);
        gone += done.await?.rows_affected();
    }
    Ok(gone)
}
