//! Who works on what.

use sqlx::SqliteConnection;

use super::super::error::Work;
use super::super::rows::{json, narrow};
use super::super::write::Verdict;
use crate::domain::ids::{AgencyNo, ClaimId, DeliveryId, WorkerId};
use crate::domain::kinds::Lane;
use crate::domain::time::Timestamp;
use crate::ports::store::{Claim, Claimed, Want};

/// What a claim took that found nothing due.
pub(super) const NOTHING: Claim = Claim {
    id: ClaimId(0),
    deliveries: Vec::new(),
};

/// A worker that the reaper took for dead makes no epoch: nobody would find what it held.
const NEW_CLAIM: &str = "INSERT INTO claim (worker, at) SELECT worker.id, ?2
    FROM worker, fleet
    WHERE worker.id = ?1 AND worker.ended_at IS NULL AND fleet.stopped_at IS NULL
    RETURNING id";

const STOPPED: &str = "SELECT no FROM agency WHERE stopped_at IS NOT NULL";

const DUE: &str = "SELECT id FROM delivery
    WHERE agency = ?1 AND lane = ?2 AND (id & 1) = ?5 AND due <= ?3 AND state IN (4, 5)
    ORDER BY due, id LIMIT ?4";

const TAKE: &str = "UPDATE delivery SET state = 6, claim = ?2
    FROM json_each(?1) taken
    WHERE delivery.id = taken.value AND delivery.state IN (4, 5)
    RETURNING delivery.id, agency, fixed, slot, attempts, tries, due";

type Row = (i64, i32, bool, i64, i64, i64, i64);

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    wants: Vec<Want>,
    now: Timestamp,
) -> Work<Verdict<Claim>> {
    let id: Option<i64> = sqlx::query_scalar(NEW_CLAIM)
        .bind(worker.0)
        .bind(now.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(id) = id else {
        return Ok(Verdict::NothingToDo(NOTHING));
    };
    let stopped: Vec<i32> = sqlx::query_scalar(STOPPED)
        .fetch_all(&mut *connection)
        .await?;
    let mut deliveries = Vec::new();
    for want in wants.iter().filter(|w| !stopped.contains(&w.agency.0)) {
        deliveries.extend(take(connection, id, want, now).await?);
    }
    if deliveries.is_empty() {
        return Ok(Verdict::NothingToDo(NOTHING));
    }
    Ok(Verdict::Commit(Claim {
        id: ClaimId(id),
        deliveries,
    }))
}

async fn take(
    connection: &mut SqliteConnection,
    claim: i64,
    want: &Want,
    now: Timestamp,
) -> Work<Vec<Claimed>> {
    let due: Vec<i64> = sqlx::query_scalar(DUE)
        .bind(want.agency.0)
        .bind(want.lane.code())
        .bind(now.0)
        .bind(want.limit)
        .bind(want.channel.code())
        .fetch_all(&mut *connection)
        .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = sqlx::query_as(TAKE)
        .bind(json(&due))
        .bind(claim)
        .fetch_all(connection)
        .await?;
    let mut taken = rows
        .into_iter()
        .map(|row| claimed(row, want.lane))
        .collect::<Work<Vec<Claimed>>>()?;
    taken.sort_unstable_by_key(|claimed| (claimed.due, claimed.delivery));
    Ok(taken)
}

fn claimed(row: Row, lane: Lane) -> Work<Claimed> {
    let (id, agency, fixed, slot, attempts, tries, due) = row;
    Ok(Claimed {
        delivery: DeliveryId(id),
        agency: AgencyNo(agency),
        lane,
        fixed,
        slot: narrow("delivery", id, slot)?,
        attempts: narrow("delivery", id, attempts)?,
        tries: narrow("delivery", id, tries)?,
        due: Timestamp(due),
    })
}
