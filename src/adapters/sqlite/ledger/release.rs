//! Letting go of what is claimed: handed back, or unknown if a try may have left.
//!
//! Nothing here ever writes "not sent": whoever held it may be about to send.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::super::error::Work;
use super::super::rows::{execute_all, json};
use super::super::write::Verdict;
use crate::domain::ids::{ClaimId, DeliveryId, WorkerId};
use crate::domain::time::{Timestamp, micros};

/// How long an unknown try waits for a receipt.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Wait {
    pub(in super::super) sms: Duration,
    pub(in super::super) email: Duration,
}

/// Whose claims are let go.
#[derive(Debug)]
pub(in super::super) struct Holder {
    pub(in super::super) workers: Vec<WorkerId>,
    pub(in super::super) wait: Wait,
}

const HAND_BACK: &str = "UPDATE delivery SET state = 5, claim = NULL,
        due = coalesce(held.value ->> 2, delivery.due)
    FROM json_each(?1) held
    WHERE delivery.id = held.value ->> 0 AND delivery.claim = held.value ->> 1
      AND delivery.state = 6
      AND NOT EXISTS (SELECT 1 FROM try
          WHERE try.delivery = delivery.id AND try.freed = 0 AND try.outcome IS NULL)";

/// The id by which a delivery is held: its own, or the one that an intent moved it to.
const HELD: &str = "SELECT delivery.id, delivery.claim FROM json_each(?1) held
    JOIN delivery ON delivery.state = 6 AND delivery.claim = held.value ->> 1
    AND delivery.id = CASE WHEN EXISTS (SELECT 1 FROM delivery own WHERE own.id = held.value ->> 0)
        THEN held.value ->> 0
        ELSE (held.value ->> 0) + 1 - 2 * ((held.value ->> 0) & 1) END";

const ABANDON: &str = "UPDATE delivery SET state = 7, claim = NULL, changed_at = ?2,
        duplicate = max(duplicate, try.slot),
        due = ?2 + CASE delivery.id & 1 WHEN 0 THEN ?3 ELSE ?4 END
    FROM json_each(?1) held
    JOIN try ON try.delivery = held.value ->> 0 AND try.freed = 0 AND try.outcome IS NULL
    WHERE delivery.id = held.value ->> 0 AND delivery.claim = held.value ->> 1
      AND delivery.state = 6
    RETURNING delivery.id";

/// Claims are found through what is held: that is little, while claims are many.
const UNKNOWN: &str = "UPDATE delivery SET state = 7, claim = NULL, changed_at = ?2,
        duplicate = max(duplicate, try.slot),
        due = try.intent_at + CASE delivery.id & 1 WHEN 0 THEN ?3 ELSE ?4 END
    FROM try
    WHERE delivery.state = 6
      AND (SELECT claim.worker FROM claim WHERE claim.id = delivery.claim)
          IN (SELECT value FROM json_each(?1))
      AND try.delivery = delivery.id AND try.freed = 0 AND try.outcome IS NULL
    RETURNING delivery.id";

const GO_ON: &str = "UPDATE delivery SET state = 5, claim = NULL
    WHERE state = 6
      AND (SELECT claim.worker FROM claim WHERE claim.id = delivery.claim)
          IN (SELECT value FROM json_each(?1))";

/// Claims by number and age, but for those in `?3`.
const STRAYS: &str = "UPDATE delivery SET state = 5, claim = NULL
    WHERE state = 6
      AND claim NOT IN (SELECT value FROM json_each(?3))
      AND EXISTS (SELECT 1 FROM claim
          WHERE claim.id = delivery.claim AND claim.worker = ?1 AND claim.at < ?2)
      AND NOT EXISTS (SELECT 1 FROM try
          WHERE try.delivery = delivery.id AND try.freed = 0 AND try.outcome IS NULL)";

const CLOSE_TRIES: &str = "UPDATE try SET outcome = 3, outcome_at = ?2
    FROM json_each(?1) held
    WHERE try.delivery = held.value AND try.freed = 0 AND try.outcome IS NULL";

type Held = (i64, i64, Option<i64>);

pub(super) async fn hand_back(
    connection: &mut SqliteConnection,
    deliveries: Vec<(DeliveryId, ClaimId)>,
    due: Option<Timestamp>,
) -> Work<()> {
    let rows: Vec<Held> = deliveries
        .iter()
        .map(|(delivery, claim)| (delivery.0, claim.0, due.map(|due| due.0)))
        .collect();
    execute_all(connection, HAND_BACK, &rows).await.map(drop)
}

pub(super) async fn strays(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    before: Timestamp,
    known: Vec<ClaimId>,
) -> Work<Verdict<u64>> {
    let known: Vec<i64> = known.iter().map(|claim| claim.0).collect();
    let strays = sqlx::query(STRAYS)
        .bind(worker.0)
        .bind(before.0)
        .bind(json(&known));
    match strays.execute(connection).await?.rows_affected() {
        0 => Ok(Verdict::NothingToDo(0)),
        strays => Ok(Verdict::Commit(strays)),
    }
}

pub(super) async fn abandon(
    connection: &mut SqliteConnection,
    deliveries: Vec<(DeliveryId, ClaimId)>,
    wait: Wait,
    now: Timestamp,
) -> Work<()> {
    let asked: Vec<(i64, i64)> = deliveries.iter().map(|(d, c)| (d.0, c.0)).collect();
    let held: Vec<(i64, i64)> = sqlx::query_as(HELD)
        .bind(json(&asked))
        .fetch_all(&mut *connection)
        .await?;
    let unknown: Vec<i64> = sqlx::query_scalar(ABANDON)
        .bind(json(&held))
        .bind(now.0)
        .bind(micros(wait.sms))
        .bind(micros(wait.email))
        .fetch_all(&mut *connection)
        .await?;
    close_tries(connection, &unknown, now).await?;
    let rest: Vec<Held> = held.iter().map(|(d, claim)| (*d, *claim, None)).collect();
    execute_all(connection, HAND_BACK, &rest).await.map(drop)
}

async fn close_tries(
    connection: &mut SqliteConnection,
    deliveries: &[i64],
    now: Timestamp,
) -> Work<()> {
    if !deliveries.is_empty() {
        sqlx::query(CLOSE_TRIES)
            .bind(json(deliveries))
            .bind(now.0)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Lets go of everything that workers hold. Answers how many were handed back and how many became
/// unknown.
pub(in super::super) async fn release(
    connection: &mut SqliteConnection,
    holder: &Holder,
    now: Timestamp,
) -> Work<(u64, u64)> {
    let workers: Vec<i64> = holder.workers.iter().map(|worker| worker.0).collect();
    let workers = json(&workers);
    let unknown: Vec<i64> = sqlx::query_scalar(UNKNOWN)
        .bind(&workers)
        .bind(now.0)
        .bind(micros(holder.wait.sms))
        .bind(micros(holder.wait.email))
        .fetch_all(&mut *connection)
        .await?;
    close_tries(connection, &unknown, now).await?;
    let handed_back = sqlx::query(GO_ON)
        .bind(workers)
        .execute(connection)
        .await?
        .rows_affected();
    Ok((handed_back, unknown.len() as u64))
}
