//! Receipts: finding what they are about, and keeping those that are early.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{Fault, corrupt};
use super::now;
use super::rows::{large, reason, state};
use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::receipt::{Receipt, ReceiptKey};
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::store::{FoundTry, ParkedReceipt, Parking, StoreError};

/// A try is looked for by the gateway's own id or by the delivery, never across gateways. By the
/// delivery only what was, or may have been, taken over is found: no receipt speaks of a message
/// that never left. The index `try_provider` goes by time first, so the gateway's id is looked for in
/// one span of time after the other, from the newest on: most receipts are minutes old, and what is
/// not there costs as many looks as there are spans since `not_before`. One more than there are now,
/// for a clock that was set back.
const FIND: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT ",
    now!(),
    " AS now) \
    SELECT k.place, d.id, d.agency, d.state, d.reason, d.version, d.due, \
        COALESCE(l.slot, 0::smallint), \
        d.tries, (SELECT TRUE FROM try o WHERE o.delivery = d.id AND o.freed = 0 \
            AND o.outcome IS NULL LIMIT 1) IS TRUE \
    FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS k (ref, delivery, place) \
    CROSS JOIN LATERAL ( \
        (SELECT t.delivery FROM clock CROSS JOIN LATERAL \
                generate_series((clock.now >> 36) + 1, $4::bigint >> 36, -1) AS s (span) \
            CROSS JOIN LATERAL (SELECT delivery FROM try WHERE intent_at >> 36 = s.span \
                AND gateway = $1 AND provider_ref = k.ref LIMIT 1) t \
            WHERE k.ref IS NOT NULL LIMIT 1) \
        UNION ALL \
        (SELECT t.delivery FROM try t WHERE t.delivery = k.delivery AND t.gateway = $1 \
            AND t.freed = 0 LIMIT 1) \
        LIMIT 1) f \
    JOIN delivery d ON d.id = f.delivery \
    LEFT JOIN LATERAL ( \
        SELECT t.slot FROM try t WHERE t.delivery = d.id AND t.freed = 0 \
        ORDER BY t.no DESC, t.slot DESC LIMIT 1) l ON TRUE"
);
const PARK: &str = "INSERT INTO parked_receipt (gateway, receipt, received_at) \
    SELECT $1, r, $3 FROM unnest($2::text[]) AS r";
const PARKED: &str = "SELECT id, gateway, receipt, received_at FROM parked_receipt \
    WHERE id > $1 ORDER BY id LIMIT $2";
const UNPARK: &str = "DELETE FROM parked_receipt WHERE id = ANY($1)";

#[async_trait]
impl Parking for PostgresStore {
    async fn find_tries(
        &self,
        gateway: &str,
        keys: &[ReceiptKey],
        not_before: Timestamp,
    ) -> Result<Vec<Option<FoundTry>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (references, deliveries): (Vec<Option<&str>>, Vec<Option<i64>>) = keys
            .iter()
            .map(|key| match key {
                ReceiptKey::ProviderReference(reference) => (Some(reference.as_str()), None),
                ReceiptKey::Delivery(delivery) => (None, Some(delivery.0)),
            })
            .unzip();
        let statement = sqlx::query(FIND)
            .bind(gateway)
            .bind(references)
            .bind(deliveries)
            .bind(not_before.0);
        let rows = self.fetch(statement).await?;
        let mut found = vec![None; keys.len()];
        for row in &rows {
            let (place, value) = find(row)?;
            if let Some(slot) = found.get_mut(place) {
                *slot = Some(value);
            }
        }
        Ok(found)
    }

    async fn park(
        &self,
        gateway: &str,
        receipts: &[Receipt],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = receipts
            .iter()
            .map(|receipt| serde_json::json!(receipt).to_string())
            .collect();
        let statement = sqlx::query(PARK).bind(gateway).bind(texts).bind(at.0);
        self.execute(statement).await.map(|_rows| ())
    }

    async fn parked(&self, after: i64, limit: u32) -> Result<Vec<ParkedReceipt>, StoreError> {
        let statement = sqlx::query(PARKED).bind(after).bind(i64::from(limit));
        let rows = self.fetch(statement).await?;
        rows.iter()
            .map(|row| parked(row).map_err(StoreError::from))
            .collect()
    }

    async fn unpark(&self, ids: &[i64]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let statement = sqlx::query(UNPARK).bind(ids);
        self.execute(statement).await.map(|_rows| ())
    }
}

fn find(row: &PgRow) -> Result<(usize, FoundTry), Fault> {
    let place: i64 = row.try_get(0)?;
    let id = DeliveryId(row.try_get(1)?);
    let found = FoundTry {
        delivery: id,
        agency: AgencyNo(row.try_get(2)?),
        state: state(row.try_get(3)?, id)?,
        reason: reason(row.try_get(4)?, id)?,
        version: row.try_get(5)?,
        due: Timestamp(row.try_get(6)?),
        slot: u8::from(row.try_get::<i16, _>(7)? != 0),
        tries: large(row.try_get(8)?),
        open_try: row.try_get(9)?,
    };
    Ok((usize::try_from(place - 1).unwrap_or(usize::MAX), found))
}

fn parked(row: &PgRow) -> Result<ParkedReceipt, Fault> {
    let id: i64 = row.try_get(0)?;
    // Of a receipt that does not decode only the place is told: it may quote one.
    let receipt = serde_json::from_str(row.try_get(2)?).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        corrupt("parked_receipt", id, BoxError::from(place))
    })?;
    Ok(ParkedReceipt {
        id,
        gateway: row.try_get(1)?,
        receipt,
        received_at: Timestamp(row.try_get(3)?),
    })
}
