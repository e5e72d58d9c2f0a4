//! The agencies' own opt-out lists.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{classify, corrupt};
use crate::domain::ids::AgencyNo;
use crate::domain::opt_out::{Classes, OptOutHash, OptOutKind};
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::store::{OptOutEntry, OptOutRow, OptOuts, StoreError};

/// One who writes holds the row to the end, so that sequences are seen in their order.
const NEXT: &str = "UPDATE opt_out_head SET last = last + $1 RETURNING last - $1";
const PUT: &str = "INSERT INTO opt_out AS o (agency, hash, kind, classes, at, sequence) \
    SELECT $1, e.hash, e.kind, e.classes, $2, $3 + e.place \
    FROM unnest($4::bytea[], $5::smallint[], $6::smallint[]) WITH ORDINALITY \
        AS e (hash, kind, classes, place) \
    WHERE e.classes <> 0 OR EXISTS (SELECT FROM opt_out x WHERE x.agency = $1 AND x.hash = e.hash) \
    ON CONFLICT (agency, hash) DO UPDATE \
        SET classes = excluded.classes, at = excluded.at, sequence = excluded.sequence \
        WHERE o.classes <> excluded.classes";
const TIDY: &str = "DELETE FROM opt_out WHERE classes = 0 AND at < $1";
const CHANGES: &str = "SELECT agency, hash, kind, classes, at, sequence FROM opt_out \
    WHERE sequence > $1 ORDER BY sequence LIMIT $2";
const LIST: &str = "SELECT agency, hash, kind, classes, at, sequence FROM opt_out \
    WHERE agency = $1 AND hash > $2 AND classes <> 0 ORDER BY hash LIMIT $3";

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

fn row(row: &PgRow) -> Result<OptOutRow, StoreError> {
    let sequence: i64 = row.try_get("sequence").map_err(classify)?;
    let hash: &[u8] = row.try_get("hash").map_err(classify)?;
    let hash = hash
        .try_into()
        .map_err(|wrong_length| corrupt("opt_out", sequence, wrong_length))?;
    let kind = OptOutKind::from_code(row.try_get("kind").map_err(classify)?);
    let kind = kind.ok_or_else(|| corrupt("opt_out", sequence, BoxError::from("its kind")))?;
    let rest = || {
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
    };
    rest().map_err(classify)
}

#[async_trait]
impl OptOuts for PostgresStore {
    async fn put_opt_outs(
        &self,
        agency: AgencyNo,
        entries: &[OptOutEntry],
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        if entries.is_empty() {
            return Ok(0);
        }
        let hashes: Vec<Vec<u8>> = entries.iter().map(|one| one.hash.0.to_vec()).collect();
        let kinds: Vec<i16> = entries.iter().map(|one| one.kind.code()).collect();
        let classes: Vec<i16> = entries.iter().map(|one| one.classes.code()).collect();
        let columns = Arc::new((hashes, kinds, classes));
        self.transact(move |connection| {
            let columns = Arc::clone(&columns);
            Box::pin(async move {
                let (hashes, kinds, classes) = &*columns;
                let count = i64::try_from(hashes.len()).unwrap_or(i64::MAX);
                let next = sqlx::query_scalar(NEXT).bind(count);
                let from: i64 = next.fetch_one(&mut *connection).await?;
                let put = sqlx::query(PUT)
                    .bind(agency.0)
                    .bind(at.0)
                    .bind(from)
                    .bind(hashes)
                    .bind(kinds)
                    .bind(classes);
                let changed = put.execute(&mut *connection).await?.rows_affected();
                let tidy = sqlx::query(TIDY).bind(at.0 - DAY);
                tidy.execute(connection).await?;
                Ok(changed)
            })
        })
        .await
    }

    async fn opt_out_changes(&self, after: i64, limit: u32) -> Result<Vec<OptOutRow>, StoreError> {
        let changes = sqlx::query(CHANGES).bind(after).bind(i64::from(limit));
        self.fetch(changes).await?.iter().map(row).collect()
    }

    async fn opt_outs(
        &self,
        agency: AgencyNo,
        after: Option<OptOutHash>,
        limit: u32,
    ) -> Result<Vec<OptOutRow>, StoreError> {
        let after = after.map_or(Vec::new(), |hash| hash.0.to_vec());
        let list = sqlx::query(LIST).bind(agency.0).bind(after);
        let rows = self.fetch(list.bind(i64::from(limit))).await?;
        rows.iter().map(row).collect()
    }
}
