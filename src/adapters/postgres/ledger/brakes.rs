//! Pausing a gateway, stopping an agency or everybody.

use std::time::Duration;

use sqlx::Row;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::classify;
use crate::adapters::postgres::now;
use crate::adapters::postgres::rows::short;
use crate::domain::ids::{AgencyNo, DeliveryId};
use crate::domain::time::{Timestamp, micros};
use crate::ports::store::StoreError;

const PAUSE: &str = concat!(
    "INSERT INTO bucket (name, paused_until) VALUES ($1, ",
    now!(),
    " + $2) ON CONFLICT (name) DO UPDATE \
      SET paused_until = GREATEST(bucket.paused_until, excluded.paused_until)"
);
const STOP_AGENCY: &str = "UPDATE agency SET stopped_at = $2 WHERE no = $1";
const STOP_FLEET: &str = "UPDATE fleet SET stopped_at = $1 WHERE id = 1";

/// What [`entries`](super::entries) asks at the intent.
const WANTED: &str = "SELECT (SELECT a.stopped_at IS NULL FROM agency a WHERE a.no = $1) IS TRUE \
    AND NOT EXISTS (SELECT FROM fleet WHERE id = 1 AND stopped_at IS NOT NULL) \
    AND (SELECT j.cancelled_at IS NULL FROM job j WHERE j.no = $2) IS TRUE \
    AND NOT ($4 > 0 AND EXISTS (SELECT FROM opened o WHERE o.job = $2 AND o.position = $3))";

pub(super) async fn pause(
    store: &PostgresStore,
    gateway: &str,
    pause: Duration,
) -> Result<(), StoreError> {
    let statement = sqlx::query(PAUSE).bind(gateway).bind(micros(pause));
    store.execute(statement).await.map(|_rows| ())
}

pub(super) async fn is_wanted(
    store: &PostgresStore,
    agency: AgencyNo,
    delivery: DeliveryId,
) -> Result<bool, StoreError> {
    let statement = sqlx::query(WANTED)
        .bind(agency.0)
        .bind(delivery.job().0)
        .bind(short(delivery.position()))
        .bind(i16::from(delivery.occasion()));
    let rows = store.fetch(statement).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.try_get(0)).map_err(classify)
}

pub(super) async fn set_stopped(
    store: &PostgresStore,
    agency: Option<AgencyNo>,
    stopped: Option<Timestamp>,
) -> Result<(), StoreError> {
    let at = stopped.map(|at| at.0);
    let statement = match agency {
        Some(agency) => sqlx::query(STOP_AGENCY).bind(agency.0).bind(at),
        None => sqlx::query(STOP_FLEET).bind(at),
    };
    store.execute(statement).await.map(|_rows| ())
}
