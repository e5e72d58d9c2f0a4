//! Pausing gateways, stopping traffic, and what waits for a receipt no longer.

use sqlx::SqliteConnection;

use super::super::connect::SqliteStore;
use super::super::error::{Failure, Work};
use super::super::rows::narrow;
use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::time::Timestamp;
use crate::ports::store::{StoreError, UnknownDelivery};

const DUE_UNKNOWN: &str = "SELECT id, agency, slot, tries, version, due FROM delivery
    WHERE state = 7 AND due <= ?1 ORDER BY due, id LIMIT ?2";

const PAUSE: &str = "INSERT INTO bucket (name, paused_until) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE
    SET paused_until = max(coalesce(paused_until, excluded.paused_until), excluded.paused_until)";

const STOP_ONE: &str = "UPDATE agency SET stopped_at = ?2 WHERE no = ?1";
const STOP_ALL: &str = "UPDATE fleet SET stopped_at = ?1";

/// What the intent asks, too.
const WANTED: &str = "SELECT EXISTS (SELECT 1 FROM agency WHERE no = ?1 AND stopped_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM fleet WHERE stopped_at IS NOT NULL)
    AND EXISTS (SELECT 1 FROM job WHERE no = ?2 AND cancelled_at IS NULL)
    AND NOT (?4 > 0 AND EXISTS (SELECT 1 FROM opened WHERE job = ?2 AND position = ?3))";

type Row = (i64, i32, i64, i64, i64, i64);

pub(super) async fn due_unknown(
    store: &SqliteStore,
    limit: u32,
) -> Result<Vec<UnknownDelivery>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(DUE_UNKNOWN)
        .bind(store.now().0)
        .bind(limit)
        .fetch_all(store.readers())
        .await
        .map_err(Failure::from)?;
    rows.into_iter().map(unknown).collect()
}

fn unknown((id, agency, slot, tries, version, due): Row) -> Result<UnknownDelivery, StoreError> {
    Ok(UnknownDelivery {
        delivery: DeliveryId(id),
        agency: AgencyNo(agency),
        slot: narrow("delivery", id, slot)?,
        tries: narrow("delivery", id, tries)?,
        version: narrow("delivery", id, version)?,
        due: Timestamp(due),
    })
}

pub(super) async fn pause(
    connection: &mut SqliteConnection,
    gateway: String,
    until: Timestamp,
) -> Work<()> {
    sqlx::query(PAUSE)
        .bind(gateway)
        .bind(until.0)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn is_wanted(
    store: &SqliteStore,
    agency: AgencyNo,
    delivery: DeliveryId,
) -> Result<bool, StoreError> {
    let wanted: bool = sqlx::query_scalar(WANTED)
        .bind(agency.0)
        .bind(delivery.job().0)
        .bind(delivery.position())
        .bind(delivery.occasion())
        .fetch_one(store.readers())
        .await
        .map_err(Failure::from)?;
    Ok(wanted)
}

pub(super) async fn set_stopped(
    connection: &mut SqliteConnection,
    agency: Option<AgencyNo>,
    stopped: Option<Timestamp>,
) -> Work<()> {
    let stopped = stopped.map(|at| at.0);
    match agency {
        Some(agency) => sqlx::query(STOP_ONE).bind(agency.0).bind(stopped),
        None => sqlx::query(STOP_ALL).bind(stopped),
    }
    .execute(connection)
    .await?;
    Ok(())
}
