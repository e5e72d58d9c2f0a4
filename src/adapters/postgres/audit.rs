//! The audit of look-ups, and keys that are kept beside it.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{Fault, classify, corrupt};
use crate::domain::audit::{End, Link, Lookup, Persons};
use crate::domain::ids::{AgencyId, JobName};
use crate::domain::time::Timestamp;
use crate::ports::store::{Audit, AuditQuery, StoreError, Strand};

const KEEP: &str = "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const SECRET: &str = "SELECT value FROM secret WHERE name = $1";

/// Two that begin at once would take the same number, or leave a gap.
const ONE_AT_A_TIME: &str = "LOCK TABLE audit_strand IN SHARE ROW EXCLUSIVE MODE";
const START: &str = "INSERT INTO audit_strand (no, started_at, digest) \
    SELECT COALESCE(max(no), 0) + 1, $1, $2 FROM audit_strand RETURNING no";

const APPEND: &str = "WITH head AS ( \
        UPDATE audit_strand SET links = $4, last_at = $5, digest = $6 \
        WHERE no = $1 AND links = $2 AND digest = $3 RETURNING no) \
    INSERT INTO audit (strand, no, at, agency, job, purpose, persons, previous_at, previous, digest) \
    SELECT h.no, l.* FROM head h, unnest($7::bigint[], $8::bigint[], $9::text[], $10::text[], \
        $11::text[], $12::bytea[], $13::bigint[], $14::bytea[], $15::bytea[]) AS l";

const STRANDS: &str = "SELECT no, started_at, links, last_at, digest FROM audit_strand ORDER BY no";

const LINKS: &str = "SELECT strand, no, at, agency, job, purpose, persons, previous_at, previous, digest \
    FROM audit WHERE strand = $1 AND no > $2 ORDER BY no LIMIT $3";

const FIND: &str = "SELECT strand, no, at, agency, job, purpose, persons, previous_at, previous, digest \
    FROM audit WHERE at >= $1 AND ($2::text IS NULL OR agency = $2) AND ($3::text IS NULL OR job = $3) \
        AND ($4::bigint IS NULL OR (at, strand, no) < ($4, $5::int, $6::bigint)) \
    ORDER BY at DESC, strand DESC, no DESC LIMIT $7";

const ALLOW: &str = "SELECT set_config('budstikke.erase_audit_before', $1::bigint::text, TRUE)";
const ERASE: &str = "DELETE FROM audit WHERE (strand, no) IN ( \
    SELECT strand, no FROM audit WHERE at < $1 ORDER BY at, strand, no LIMIT $2)";

fn digest(row: &PgRow, column: &str) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(classify)?;
    bytes
        .try_into()
        .map_err(|wrong_length| corrupt("audit", column, wrong_length))
}

fn link(row: &PgRow) -> Result<Link, StoreError> {
    let read = || {
        Ok((
            End {
                strand: row.try_get("strand")?,
                no: row.try_get("no")?,
                at: Timestamp(row.try_get("at")?),
                digest: [0; 32],
            },
            Lookup {
                agency: row.try_get("agency")?,
                job: row.try_get("job")?,
                purpose: row.try_get("purpose")?,
                persons: Persons::from_bytes(row.try_get("persons")?),
            },
            Timestamp(row.try_get("previous_at")?),
        ))
    };
    let (mut end, lookup, previous_at) = read().map_err(classify)?;
    end.digest = digest(row, "digest")?;
    Ok(Link {
        end,
        previous_at,
        previous: digest(row, "previous")?,
        lookup,
    })
}

fn strand(row: &PgRow) -> Result<Strand, StoreError> {
    let read = || {
        Ok(Strand {
            started_at: Timestamp(row.try_get("started_at")?),
            end: End {
                strand: row.try_get("no")?,
                no: row.try_get("links")?,
                at: Timestamp(row.try_get("last_at")?),
                digest: [0; 32],
            },
        })
    };
    let mut strand = read().map_err(classify)?;
    strand.end.digest = digest(row, "digest")?;
    Ok(strand)
}

#[async_trait]
impl Audit for PostgresStore {
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let keep = sqlx::query(KEEP).bind(name).bind(&fresh[..]);
        self.execute(keep).await?;
        let rows = self.fetch(sqlx::query(SECRET).bind(name)).await?;
        rows.first().map_or(Ok(fresh), |row| digest(row, "value"))
    }

    async fn start_strand(&self, at: Timestamp) -> Result<i32, StoreError> {
        self.transact(move |connection| {
            Box::pin(async move {
                sqlx::query(ONE_AT_A_TIME).execute(&mut *connection).await?;
                let start = sqlx::query_scalar(START).bind(at.0).bind(&[0_u8; 32][..]);
                Ok(start.fetch_one(connection).await?)
            })
        })
        .await
    }

    async fn append_audit(&self, after: &End, links: &[Link]) -> Result<bool, StoreError> {
        let Some(last) = links.last() else {
            return Ok(true);
        };
        let numbers = |what: fn(&Link) -> i64| links.iter().map(what).collect::<Vec<_>>();
        let texts = |what: fn(&Link) -> &str| links.iter().map(what).collect::<Vec<_>>();
        let bytes = |what: fn(&Link) -> &[u8]| links.iter().map(what).collect::<Vec<_>>();
        let append = sqlx::query(APPEND)
            .bind(after.strand)
            .bind(after.no)
            .bind(&after.digest[..])
            .bind(last.end.no)
            .bind(last.end.at.0)
            .bind(&last.end.digest[..])
            .bind(numbers(|link| link.end.no))
            .bind(numbers(|link| link.end.at.0))
            .bind(texts(|link| &link.lookup.agency))
            .bind(texts(|link| &link.lookup.job))
            .bind(texts(|link| &link.lookup.purpose))
            .bind(bytes(|link| link.lookup.persons.as_bytes()))
            .bind(numbers(|link| link.previous_at.0))
            .bind(bytes(|link| &link.previous))
            .bind(bytes(|link| &link.end.digest));
        Ok(self.execute(append).await? > 0)
    }

    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        let rows = self.fetch(sqlx::query(STRANDS)).await?;
        rows.iter().map(strand).collect()
    }

    async fn links(&self, strand: i32, after: i64, limit: u32) -> Result<Vec<Link>, StoreError> {
        let links = sqlx::query(LINKS).bind(strand).bind(after);
        let rows = self.fetch(links.bind(i64::from(limit))).await?;
        rows.iter().map(link).collect()
    }

    async fn find_links(
        &self,
        query: &AuditQuery,
        before: Option<&End>,
        limit: u32,
    ) -> Result<Vec<Link>, StoreError> {
        let find = sqlx::query(FIND)
            .bind(query.since.0)
            .bind(query.agency.as_ref().map(AgencyId::as_str))
            .bind(query.job.as_ref().map(JobName::as_str))
            .bind(before.map(|end| end.at.0))
            .bind(before.map(|end| end.strand))
            .bind(before.map(|end| end.no))
            .bind(i64::from(limit));
        self.fetch(find).await?.iter().map(link).collect()
    }

    async fn erase_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.transact(move |connection| {
            Box::pin(async move {
                let allow = sqlx::query(ALLOW).bind(before.0);
                allow.execute(&mut *connection).await?;
                let erase = sqlx::query(ERASE).bind(before.0).bind(i64::from(limit));
                let done = erase.execute(connection).await.map_err(Fault::from)?;
                Ok(done.rows_affected())
            })
        })
        .await
    }
}
