//! Receipts: what they are about, and those that are early.

use async_trait::async_trait;

use super::connect::SqliteStore;
use super::error::{Failure, corrupt};
use super::rows::{self, execute_all, json, narrow};
use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::receipt::{Receipt, ReceiptKey};
use crate::domain::time::Timestamp;
use crate::ports::store::{FoundTry, ParkedReceipt, Parking, StoreError};

/// Keys are `[provider reference or null, delivery or null]`. By our own id only what was, or may
/// have been, taken over is found: no receipt speaks of a message that never left.
const FIND: &str = "SELECT k.key, d.id, d.agency, d.state, d.reason, d.version, d.due, d.tries,
        (SELECT t.slot FROM try t WHERE t.delivery = d.id AND t.freed = 0
            ORDER BY t.no DESC, t.slot DESC LIMIT 1),
        EXISTS (SELECT 1 FROM try t WHERE t.delivery = d.id AND t.freed = 0
            AND t.outcome IS NULL)
    FROM json_each(?2) k
    JOIN delivery d ON d.id = CASE WHEN k.value ->> 0 IS NOT NULL
        THEN (SELECT t.delivery FROM try t
              WHERE t.gateway = ?1 AND t.provider_ref = k.value ->> 0
              ORDER BY t.intent_at DESC LIMIT 1)
        ELSE (SELECT t.delivery FROM try t
              WHERE t.delivery = k.value ->> 1 AND t.gateway = ?1
                AND t.freed = 0 LIMIT 1) END";

const PARK: &str = "INSERT INTO parked_receipt (gateway, receipt, received_at)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) ORDER BY key";

const PARKED: &str = "SELECT id, gateway, receipt, received_at FROM parked_receipt
    WHERE id > ?1 ORDER BY id LIMIT ?2";

const UNPARK: &str = "DELETE FROM parked_receipt
    WHERE id IN (SELECT value FROM json_each(?1))";

type Found = (
    i64,
    i64,
    i32,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    Option<i64>,
    bool,
);

fn found(row: Found) -> Result<FoundTry, StoreError> {
    let (_key, id, agency, state, reason, version, due, tries, slot, open_try) = row;
    Ok(FoundTry {
        delivery: DeliveryId(id),
        agency: AgencyNo(agency),
        state: rows::state(id, state)?,
        reason: rows::reason(id, reason)?,
        version: narrow("delivery", id, version)?,
        due: Timestamp(due),
        slot: narrow("try", id, slot.unwrap_or_default())?,
        tries: narrow("delivery", id, tries)?,
        open_try,
    })
}

#[async_trait]
impl Parking for SqliteStore {
    async fn find_tries(
        &self,
        gateway: &str,
        keys: &[ReceiptKey],
        _not_before: Timestamp,
    ) -> Result<Vec<Option<FoundTry>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<(Option<&str>, Option<i64>)> = keys
            .iter()
            .map(|key| match key {
                ReceiptKey::ProviderReference(reference) => (Some(reference.as_str()), None),
                ReceiptKey::Delivery(delivery) => (None, Some(delivery.0)),
            })
            .collect();
        let rows: Vec<Found> = sqlx::query_as(FIND)
            .bind(gateway)
            .bind(json(&asked))
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let mut answers = vec![None; keys.len()];
        for row in rows {
            let answer = usize::try_from(row.0).ok().and_then(|i| answers.get_mut(i));
            if let Some(answer) = answer {
                *answer = Some(found(row)?);
            }
        }
        Ok(answers)
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
        let parked: Vec<(String, String, i64)> = receipts
            .iter()
            .map(|receipt| {
                let text = serde_json::json!(receipt).to_string();
                (gateway.to_owned(), text, at.0)
            })
            .collect();
        self.write(move |connection| {
            Box::pin(async move { execute_all(connection, PARK, &parked).await.map(drop) })
        })
        .await
    }

    async fn parked(&self, after: i64, limit: u32) -> Result<Vec<ParkedReceipt>, StoreError> {
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(PARKED)
            .bind(after)
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let parked = |(id, gateway, receipt, received_at): (i64, String, String, i64)| {
            Ok(ParkedReceipt {
                id,
                gateway,
                receipt: serde_json::from_str(&receipt)
                    .map_err(|source| corrupt("parked_receipt", id, source))?,
                received_at: Timestamp(received_at),
            })
        };
        rows.into_iter().map(parked).collect()
    }

    async fn unpark(&self, ids: &[i64]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.write(move |connection| {
            Box::pin(async move { execute_all(connection, UNPARK, &ids).await.map(drop) })
        })
        .await
    }
}
