//! Pausing a gateway, stopping an agency or everybody.

use std::time::Duration;

use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::now;
use crate::domain::ids::AgencyNo;
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

pub(super) async fn pause(
    store: &PostgresStore,
    gateway: &str,
    pause: Duration,
) -> Result<(), StoreError> {
    let statement = sqlx::query(PAUSE).bind(gateway).bind(micros(pause));
    store.execute(statement).await.map(|_rows| ())
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
