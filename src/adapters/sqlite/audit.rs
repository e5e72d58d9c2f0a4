//! The audit of look-ups, and keys that are kept beside it.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use super::write::Verdict;
use crate::domain::audit::{End, Link, Lookup, Persons};
use crate::domain::ids::{AgencyId, JobName};
use crate::domain::time::Timestamp;
use crate::ports::store::{Audit, AuditQuery, StoreError, Strand};

const KEEP: &str = "INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
const SECRET: &str = "SELECT value FROM secret WHERE name = ?1";

const START: &str = "INSERT INTO audit_strand (no, started_at, digest)
    SELECT COALESCE(MAX(no), 0) + 1, ?1, ?2 FROM audit_strand RETURNING no";

const MOVE: &str = "UPDATE audit_strand SET links = ?4, last_at = ?5, digest = ?6
    WHERE no = ?1 AND links = ?2 AND digest = ?3";
const APPEND: &str = "INSERT INTO audit
    (strand, no, at, agency, job, purpose, persons, previous_at, previous, digest)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const STRANDS: &str = "SELECT no, started_at, links, last_at, digest FROM audit_strand ORDER BY no";

const LINKS: &str =
    "SELECT strand, no, at, agency, job, purpose, persons, previous_at, previous, digest
    FROM audit WHERE strand = ?1 AND no > ?2 ORDER BY no LIMIT ?3";

const FIND: &str =
    "SELECT strand, no, at, agency, job, purpose, persons, previous_at, previous, digest
    FROM audit WHERE at >= ?1 AND (?2 IS NULL OR agency = ?2) AND (?3 IS NULL OR job = ?3)
        AND (?4 IS NULL OR (at, strand, no) < (?4, ?5, ?6))
    ORDER BY at DESC, strand DESC, no DESC LIMIT ?7";

const ALLOW: &str = "INSERT INTO audit_erasing (before) VALUES (?1)";
const ERASE: &str = "DELETE FROM audit WHERE (strand, no) IN
    (SELECT strand, no FROM audit WHERE at < ?1 ORDER BY at, strand, no LIMIT ?2)";
const ALLOW_NO_MORE: &str = "DELETE FROM audit_erasing";

fn digest(row: &SqliteRow, column: &str) -> Work<[u8; 32]> {
    let bytes: &[u8] = row.try_get(column)?;
    let digest = bytes
        .try_into()
        .map_err(|wrong_length| corrupt("audit", column, wrong_length))?;
    Ok(digest)
}

fn link(row: &SqliteRow) -> Work<Link> {
    Ok(Link {
        end: End {
            strand: row.try_get("strand")?,
            no: row.try_get("no")?,
            at: Timestamp(row.try_get("at")?),
            digest: digest(row, "digest")?,
        },
        previous_at: Timestamp(row.try_get("previous_at")?),
        previous: digest(row, "previous")?,
        lookup: Lookup {
            agency: row.try_get("agency")?,
            job: row.try_get("job")?,
            purpose: row.try_get("purpose")?,
            persons: Persons::from_bytes(row.try_get("persons")?),
        },
    })
}

fn strand(row: &SqliteRow) -> Work<Strand> {
    Ok(Strand {
        started_at: Timestamp(row.try_get("started_at")?),
        end: End {
            strand: row.try_get("no")?,
            no: row.try_get("links")?,
            at: Timestamp(row.try_get("last_at")?),
            digest: digest(row, "digest")?,
        },
    })
}

fn links_of(rows: &[SqliteRow]) -> Result<Vec<Link>, StoreError> {
    let links: Work<Vec<Link>> = rows.iter().map(link).collect();
    Ok(links?)
}

#[async_trait]
impl Audit for SqliteStore {
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let name = name.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let keep = sqlx::query(KEEP).bind(&name).bind(fresh.to_vec());
                keep.execute(&mut *connection).await?;
                let kept = sqlx::query(SECRET).bind(&name).fetch_one(connection);
                digest(&kept.await?, "value")
            })
        })
        .await
    }

    async fn start_strand(&self, at: Timestamp) -> Result<i32, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let start = sqlx::query_scalar(START).bind(at.0).bind(vec![0_u8; 32]);
                Ok(start.fetch_one(connection).await?)
            })
        })
        .await
    }

    async fn append_audit(&self, after: &End, links: &[Link]) -> Result<bool, StoreError> {
        let Some(last) = links.last().map(|link| link.end) else {
            return Ok(true);
        };
        let (after, links) = (*after, links.to_vec());
        self.decide(move |connection| {
            Box::pin(async move {
                let moved = sqlx::query(MOVE)
                    .bind(after.strand)
                    .bind(after.no)
                    .bind(after.digest.to_vec())
                    .bind(last.no)
                    .bind(last.at.0)
                    .bind(last.digest.to_vec());
                if moved.execute(&mut *connection).await?.rows_affected() == 0 {
                    return Ok(Verdict::NothingToDo(false));
                }
                for link in links {
                    let append = sqlx::query(APPEND)
                        .bind(link.end.strand)
                        .bind(link.end.no)
                        .bind(link.end.at.0)
                        .bind(link.lookup.agency)
                        .bind(link.lookup.job)
                        .bind(link.lookup.purpose)
                        .bind(link.lookup.persons.as_bytes().to_vec())
                        .bind(link.previous_at.0)
                        .bind(link.previous.to_vec())
                        .bind(link.end.digest.to_vec());
                    append.execute(&mut *connection).await?;
                }
                Ok(Verdict::Commit(true))
            })
        })
        .await
    }

    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        let rows = sqlx::query(STRANDS).fetch_all(self.readers()).await;
        let strands: Work<Vec<Strand>> = rows.map_err(Failure::from)?.iter().map(strand).collect();
        Ok(strands?)
    }

    async fn links(&self, strand: i32, after: i64, limit: u32) -> Result<Vec<Link>, StoreError> {
        let links = sqlx::query(LINKS).bind(strand).bind(after).bind(limit);
        let rows = links.fetch_all(self.readers()).await;
        links_of(&rows.map_err(Failure::from)?)
    }

    async fn find_links(
        &self,
        query: &AuditQuery,
        before: Option<&End>,
        limit: u32,
    ) -> Result<Vec<Link>, StoreError> {
        let rows = sqlx::query(FIND)
            .bind(query.since.0)
            .bind(query.agency.as_ref().map(AgencyId::as_str))
            .bind(query.job.as_ref().map(JobName::as_str))
            .bind(before.map(|end| end.at.0))
            .bind(before.map(|end| end.strand))
            .bind(before.map(|end| end.no))
            .bind(limit)
            .fetch_all(self.readers())
            .await;
        links_of(&rows.map_err(Failure::from)?)
    }

    async fn erase_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let gone = self
            .decide(move |connection| {
                Box::pin(async move {
                    let allow = sqlx::query(ALLOW).bind(before.0);
                    allow.execute(&mut *connection).await?;
                    let erase = sqlx::query(ERASE).bind(before.0).bind(limit);
                    let gone = erase.execute(&mut *connection).await?.rows_affected();
                    sqlx::query(ALLOW_NO_MORE).execute(connection).await?;
                    Ok(match gone {
                        0 => Verdict::NothingToDo(0),
                        gone => Verdict::Commit(gone),
                    })
                })
            })
            .await?;
        if gone > 0 {
            self.inner.log_to_truncate.store(true, Ordering::Release);
        }
        Ok(gone)
    }
}
