//! The agencies' own opt-out lists.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use crate::domain::ids::AgencyNo;
use crate::domain::opt_out::{Classes, OptOutHash, OptOutKind};
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::store::{OptOutEntry, OptOutRow, OptOuts, StoreError};

const NEXT: &str = "UPDATE opt_out_head SET last = last + 1 RETURNING last";
const PUT: &str = "INSERT INTO opt_out (agency, hash, kind, classes, at, sequence)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (agency, hash) DO UPDATE
        SET classes = excluded.classes, at = excluded.at, sequence = excluded.sequence
        WHERE opt_out.classes <> excluded.classes";
const OFF: &str = "UPDATE opt_out SET classes = 0, at = ?3, sequence = ?4
    WHERE agency = ?1 AND hash = ?2 AND classes <> 0";
const TIDY: &str = "DELETE FROM opt_out WHERE classes = 0 AND at < ?1";
const CHANGES: &str = "SELECT agency, hash, kind, classes, at, sequence FROM opt_out
    WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
const LIST: &str = "SELECT agency, hash, kind, classes, at, sequence FROM opt_out
    WHERE agency = ?1 AND hash > ?2 AND classes <> 0 ORDER BY hash LIMIT ?3";

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

fn row(row: &SqliteRow) -> Work<OptOutRow> {
    let sequence: i64 = row.try_get("sequence")?;
    let hash: &[u8] = row.try_get("hash")?;
    let hash = hash
        .try_into()
        .map_err(|wrong_length| corrupt("opt_out", sequence, wrong_length))?;
    let kind = OptOutKind::from_code(row.try_get("kind")?);
    let kind = kind.ok_or_else(|| corrupt("opt_out", sequence, BoxError::from("its kind")))?;
    Ok(OptOutRow {
        agency: AgencyNo(row.try_get("agency")?),
        entry: OptOutEntry {
            kind,
            hash: OptOutHash(hash),
            classes: Classes::from_code(row.try_get("classes")?),
        },
        at: Timestamp(row.try_get("at")?),
        sequence,
    })
}

fn rows(found: Result<Vec<SqliteRow>, sqlx::Error>) -> Result<Vec<OptOutRow>, StoreError> {
    let rows: Work<Vec<OptOutRow>> = found.map_err(Failure::from)?.iter().map(row).collect();
    Ok(rows?)
}

#[async_trait]
impl OptOuts for SqliteStore {
    async fn put_opt_outs(
        &self,
        agency: AgencyNo,
        entries: &[OptOutEntry],
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        if entries.is_empty() {
            return Ok(0);
        }
        let entries = entries.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                let mut changed = 0;
                for entry in entries {
                    let sequence: i64 =
                        sqlx::query_scalar(NEXT).fetch_one(&mut *connection).await?;
                    let hash = entry.hash.0.to_vec();
                    let done = if entry.classes.is_none() {
                        let off = sqlx::query(OFF).bind(agency.0).bind(hash);
                        off.bind(at.0).bind(sequence).execute(&mut *connection)
                    } else {
                        let put = sqlx::query(PUT).bind(agency.0).bind(hash);
                        let put = put.bind(entry.kind.code()).bind(entry.classes.code());
                        put.bind(at.0).bind(sequence).execute(&mut *connection)
                    };
                    changed += done.await?.rows_affected();
                }
                let tidy = sqlx::query(TIDY).bind(at.0 - DAY);
                tidy.execute(connection).await?;
                Ok(changed)
            })
        })
        .await
    }

    async fn opt_out_changes(&self, after: i64, limit: u32) -> Result<Vec<OptOutRow>, StoreError> {
        let changes = sqlx::query(CHANGES).bind(after).bind(limit);
        rows(changes.fetch_all(self.readers()).await)
    }

    async fn opt_outs(
        &self,
        agency: AgencyNo,
        after: Option<OptOutHash>,
        limit: u32,
    ) -> Result<Vec<OptOutRow>, StoreError> {
        let after = after.map_or(Vec::new(), |hash| hash.0.to_vec());
        let list = sqlx::query(LIST).bind(agency.0).bind(after).bind(limit);
        rows(list.fetch_all(self.readers()).await)
    }
}
