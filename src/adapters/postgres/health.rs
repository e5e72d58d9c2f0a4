//! The health of gateways: counts, decisions, history.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::PostgresStore;
use super::error::{Fault, corrupt};
use super::now;
use crate::domain::health::{Bin, Circuit, GatewayState, Share, Tally};
use crate::domain::ids::DeliveryId;
use crate::domain::time::{Timestamp, micros};
use crate::ports::store::{FleetView, GatewayChange, GatewayRow, GatewayStep, Health, StoreError};

/// In order of the names, because all workers add to the same rows. Old bins that another worker is
/// just forgetting are left to it.
const TALLY: &str = concat!(
    "WITH clock AS MATERIALIZED (SELECT ",
    now!(),
    " AS now), \
     old AS MATERIALIZED ( \
        SELECT gateway, bin FROM gateway_tally WHERE bin < (SELECT now FROM clock) - $6 \
        FOR UPDATE SKIP LOCKED), \
     gone AS (DELETE FROM gateway_tally g USING old o \
        WHERE g.gateway = o.gateway AND g.bin = o.bin) \
     INSERT INTO gateway_tally AS g (gateway, bin, taken, failed, micros) \
     SELECT t.gateway, c.now - c.now % $5, t.taken, t.failed, t.micros \
     FROM clock c, unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) \
        AS t (gateway, taken, failed, micros) ORDER BY t.gateway \
     ON CONFLICT (gateway, bin) DO UPDATE SET taken = g.taken + excluded.taken, \
        failed = g.failed + excluded.failed, micros = g.micros + excluded.micros"
);

const CLOCK: &str = concat!(
    "SELECT ",
    now!(),
    ", (SELECT count(*) FROM worker WHERE ended_at IS NULL)"
);
const STATES: &str = "SELECT gateway, version, circuit, circuit_since, share, shifted_at, worse_at, \
    probe_at FROM gateway_state ORDER BY gateway";
const BINS: &str = "SELECT gateway, bin, taken, failed, micros FROM gateway_tally \
    WHERE bin >= $1 ORDER BY gateway, bin";

/// Version 0 is never stored: it only goes in where nothing is.
const CHANGE: &str = "INSERT INTO gateway_state AS s (gateway, version, circuit, circuit_since, \
        share, shifted_at, worse_at, probe_at) \
    VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT (gateway) DO UPDATE SET version = excluded.version, circuit = excluded.circuit, \
        circuit_since = excluded.circuit_since, share = excluded.share, \
        shifted_at = excluded.shifted_at, worse_at = excluded.worse_at, \
        probe_at = excluded.probe_at \
    WHERE s.version = $2";
const REMEMBER: &str = "INSERT INTO gateway_history (at, gateway, from_circuit, from_share, \
        to_circuit, to_share, reason, taken, failed, micros) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const PROBE: &str = concat!(
    "UPDATE gateway_state SET probe_at = c.now + $2 FROM (SELECT ",
    now!(),
    " AS now) c WHERE gateway = $1 AND circuit = 1 AND probe_at <= c.now"
);

const HISTORY: &str = "SELECT at, gateway, from_circuit, from_share, to_circuit, to_share, reason, \
    taken, failed, micros FROM gateway_history ORDER BY id DESC LIMIT $1";

/// The live one: the key of `try`, so one row at most.
const THROUGH: &str = "SELECT t.delivery, t.gateway FROM unnest($1::bigint[]) AS d (id) \
    JOIN try t ON t.delivery = d.id AND t.slot = 0 AND t.freed = 0";

#[async_trait]
impl Health for PostgresStore {
    async fn tally(
        &self,
        bin: Duration,
        keep: Duration,
        counts: &[(String, Tally)],
    ) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let column = |pick: fn(&Tally) -> u64| -> Vec<i64> {
            counts.iter().map(|(_, tally)| long(pick(tally))).collect()
        };
        let names: Vec<&str> = counts.iter().map(|(name, _)| name.as_str()).collect();
        let statement = sqlx::query(TALLY)
            .bind(names)
            .bind(column(|tally| tally.taken))
            .bind(column(|tally| tally.failed))
            .bind(column(|tally| tally.micros))
            .bind(micros(bin).max(1))
            .bind(micros(keep));
        self.execute(statement).await.map(|_rows| ())
    }

    async fn fleet_view(&self, window: Duration) -> Result<FleetView, StoreError> {
        self.transact(move |connection| {
            Box::pin(async move {
                let clock = sqlx::query(CLOCK).fetch_one(&mut *connection).await?;
                let now = Timestamp(clock.try_get(0)?);
                let workers: i64 = clock.try_get(1)?;
                let states = sqlx::query(STATES).fetch_all(&mut *connection).await?;
                let mut gateways = states.iter().map(row).collect::<Result<Vec<_>, _>>()?;
                let bins = sqlx::query(BINS).bind(now.minus(window).0);
                for counted in bins.fetch_all(connection).await? {
                    let name: &str = counted.try_get(0)?;
                    let bin = Bin {
                        at: Timestamp(counted.try_get(1)?),
                        tally: tally(&counted, 2)?,
                    };
                    GatewayRow::of(&mut gateways, name).bins.push(bin);
                }
                Ok(FleetView {
                    now,
                    workers: u32::try_from(workers).unwrap_or(u32::MAX),
                    gateways,
                })
            })
        })
        .await
    }

    async fn change_gateway(&self, change: GatewayChange) -> Result<bool, StoreError> {
        self.transact(move |connection| {
            let change = change.clone();
            Box::pin(async move {
                let changed = sqlx::query(CHANGE)
                    .bind(&change.gateway)
                    .bind(change.version)
                    .bind(change.to.circuit.code())
                    .bind(change.to.circuit_since.0)
                    .bind(tenths(change.to.share))
                    .bind(change.to.shifted_at.0)
                    .bind(change.to.worse_at.0)
                    .bind(change.probe_at.0)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                if let (1, Some(reason)) = (changed, &change.reason) {
                    sqlx::query(REMEMBER)
                        .bind(change.at.0)
                        .bind(&change.gateway)
                        .bind(change.from.circuit.code())
                        .bind(tenths(change.from.share))
                        .bind(change.to.circuit.code())
                        .bind(tenths(change.to.share))
                        .bind(reason)
                        .bind(long(change.figures.taken))
                        .bind(long(change.figures.failed))
                        .bind(long(change.figures.micros))
                        .execute(connection)
                        .await?;
                }
                Ok(changed == 1)
            })
        })
        .await
    }

    async fn take_probe(&self, gateway: &str, every: Duration) -> Result<bool, StoreError> {
        let statement = sqlx::query(PROBE).bind(gateway).bind(micros(every));
        Ok(self.execute(statement).await? == 1)
    }

    async fn gateway_history(&self, limit: u32) -> Result<Vec<GatewayStep>, StoreError> {
        let rows = self
            .fetch(sqlx::query(HISTORY).bind(i64::from(limit)))
            .await?;
        let steps = rows.iter().map(step).collect::<Result<Vec<_>, Fault>>();
        steps.map_err(StoreError::from)
    }

    async fn tried_through(
        &self,
        deliveries: &[DeliveryId],
    ) -> Result<Vec<(DeliveryId, String)>, StoreError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = deliveries.iter().map(|delivery| delivery.0).collect();
        let rows = self.fetch(sqlx::query(THROUGH).bind(ids)).await?;
        let through = rows
            .iter()
            .map(|row| Ok((DeliveryId(row.try_get(0)?), row.try_get(1)?)))
            .collect::<Result<Vec<_>, Fault>>();
        through.map_err(StoreError::from)
    }
}

fn row(row: &PgRow) -> Result<GatewayRow, Fault> {
    let gateway: String = row.try_get(0)?;
    let state = GatewayState {
        circuit: circuit(row.try_get(2)?, &gateway)?,
        circuit_since: Timestamp(row.try_get(3)?),
        share: Share::from_tenths(row.try_get::<i16, _>(4)?.into()),
        shifted_at: Timestamp(row.try_get(5)?),
        worse_at: Timestamp(row.try_get(6)?),
    };
    Ok(GatewayRow {
        version: row.try_get(1)?,
        state,
        probe_at: Timestamp(row.try_get(7)?),
        bins: Vec::new(),
        gateway,
    })
}

fn step(row: &PgRow) -> Result<GatewayStep, Fault> {
    let gateway: String = row.try_get(1)?;
    let side = |at: usize| -> Result<(Circuit, Share), Fault> {
        let share = Share::from_tenths(row.try_get::<i16, _>(at + 1)?.into());
        Ok((circuit(row.try_get(at)?, &gateway)?, share))
    };
    Ok(GatewayStep {
        at: Timestamp(row.try_get(0)?),
        from: side(2)?,
        to: side(4)?,
        reason: row.try_get(6)?,
        figures: tally(row, 7)?,
        gateway,
    })
}

fn tally(row: &PgRow, at: usize) -> Result<Tally, Fault> {
    let count = |at: usize| -> Result<u64, Fault> {
        Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0))
    };
    Ok(Tally {
        taken: count(at)?,
        failed: count(at + 1)?,
        micros: count(at + 2)?,
    })
}

fn circuit(code: i16, gateway: &str) -> Result<Circuit, StoreError> {
    Circuit::from_code(code).ok_or_else(|| {
        let why = format!("no circuit has code {code}");
        corrupt("gateway_state", gateway, crate::ports::BoxError::from(why))
    })
}

fn tenths(share: Share) -> i16 {
    i16::try_from(share.tenths()).unwrap_or(i16::MAX)
}

fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
