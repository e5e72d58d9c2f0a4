//! The health of gateways: counts, decisions, history.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use super::rows::{execute_all, json};
use super::write::Verdict;
use crate::domain::health::{Bin, Circuit, GatewayState, Share, Tally};
use crate::domain::ids::DeliveryId;
use crate::domain::time::{Timestamp, micros};
use crate::ports::store::{FleetView, GatewayChange, GatewayRow, GatewayStep, Health, StoreError};

const FORGET: &str = "DELETE FROM gateway_tally WHERE bin < ?1";
/// `WHERE true` keeps `ON` of the conflict apart from a join's.
const TALLY: &str = "INSERT INTO gateway_tally AS g (gateway, bin, taken, failed, micros)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(?1) WHERE true
    ON CONFLICT (gateway, bin) DO UPDATE SET taken = g.taken + excluded.taken,
        failed = g.failed + excluded.failed, micros = g.micros + excluded.micros";

const WORKERS: &str = "SELECT count(*) FROM worker WHERE ended_at IS NULL";
const STATES: &str = "SELECT gateway, version, circuit, circuit_since, share, shifted_at, worse_at,
    probe_at FROM gateway_state ORDER BY gateway";
const BINS: &str = "SELECT gateway, bin, taken, failed, micros FROM gateway_tally
    WHERE bin >= ?1 ORDER BY gateway, bin";

/// Version 0 is never stored: it only goes in where nothing is.
const CHANGE: &str = "INSERT INTO gateway_state AS s (gateway, version, circuit, circuit_since,
        share, shifted_at, worse_at, probe_at)
    VALUES (?1, ?2 + 1, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (gateway) DO UPDATE SET version = excluded.version, circuit = excluded.circuit,
        circuit_since = excluded.circuit_since, share = excluded.share,
        shifted_at = excluded.shifted_at, worse_at = excluded.worse_at,
        probe_at = excluded.probe_at
    WHERE s.version = ?2";
const REMEMBER: &str = "INSERT INTO gateway_history (at, gateway, from_circuit, from_share,
        to_circuit, to_share, reason, taken, failed, micros)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const PROBE: &str = "UPDATE gateway_state SET probe_at = ?2 + ?3
    WHERE gateway = ?1 AND circuit = 1 AND probe_at <= ?2";

const HISTORY: &str = "SELECT at, gateway, from_circuit, from_share, to_circuit, to_share, reason,
    taken, failed, micros FROM gateway_history ORDER BY id DESC LIMIT ?1";

/// The live one: the key of `try`, so one row at most.
const THROUGH: &str = "SELECT t.delivery, t.gateway FROM json_each(?1) d
    JOIN try t ON t.delivery = d.value AND t.slot = 0 AND t.freed = 0";

type StateRow = (String, i64, i64, i64, i64, i64, i64, i64);
type BinRow = (String, i64, i64, i64, i64);
type StepRow = (i64, String, i64, i64, i64, i64, String, i64, i64, i64);

#[async_trait]
impl Health for SqliteStore {
    async fn tally(
        &self,
        bin: Duration,
        keep: Duration,
        counts: &[(String, Tally)],
    ) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let begins = now.0 - now.0 % micros(bin).max(1);
        let rows: Vec<_> = counts
            .iter()
            .map(|(name, tally)| {
                (
                    name.clone(),
                    begins,
                    tally.taken,
                    tally.failed,
                    tally.micros,
                )
            })
            .collect();
        self.write(move |connection| {
            Box::pin(async move {
                let forget = sqlx::query(FORGET).bind(now.minus(keep).0);
                forget.execute(&mut *connection).await?;
                execute_all(connection, TALLY, &rows).await.map(drop)
            })
        })
        .await
    }

    async fn fleet_view(&self, window: Duration) -> Result<FleetView, StoreError> {
        let now = self.now();
        let workers: i64 = sqlx::query_scalar(WORKERS)
            .fetch_one(self.readers())
            .await
            .map_err(Failure::from)?;
        let states: Vec<StateRow> = sqlx::query_as(STATES)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        let mut gateways = states.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let bins: Vec<BinRow> = sqlx::query_as(BINS)
            .bind(now.minus(window).0)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        for (name, at, taken, failed, spent) in bins {
            let bin = Bin {
                at: Timestamp(at),
                tally: tally(taken, failed, spent),
            };
            GatewayRow::of(&mut gateways, &name).bins.push(bin);
        }
        Ok(FleetView {
            now,
            workers: u32::try_from(workers).unwrap_or(u32::MAX),
            gateways,
        })
    }

    async fn change_gateway(&self, change: GatewayChange) -> Result<bool, StoreError> {
        self.decide(move |connection| Box::pin(decide(connection, change)))
            .await
    }

    async fn take_probe(&self, gateway: &str, every: Duration) -> Result<bool, StoreError> {
        let (now, gateway) = (self.now(), gateway.to_owned());
        self.decide(move |connection| {
            Box::pin(async move {
                let probe = sqlx::query(PROBE).bind(gateway).bind(now.0);
                let given = probe.bind(micros(every)).execute(connection).await?;
                match given.rows_affected() {
                    0 => Ok(Verdict::NothingToDo(false)),
                    _one => Ok(Verdict::Commit(true)),
                }
            })
        })
        .await
    }

    async fn gateway_history(&self, limit: u32) -> Result<Vec<GatewayStep>, StoreError> {
        let rows: Vec<StepRow> = sqlx::query_as(HISTORY)
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        rows.into_iter().map(step).collect()
    }

    async fn tried_through(
        &self,
        deliveries: &[DeliveryId],
    ) -> Result<Vec<(DeliveryId, String)>, StoreError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = deliveries.iter().map(|delivery| delivery.0).collect();
        let rows: Vec<(i64, String)> = sqlx::query_as(THROUGH)
            .bind(json(&ids))
            .fetch_all(self.readers())
            .await
            .map_err(Failure::from)?;
        Ok(rows
            .into_iter()
            .map(|(id, gateway)| (DeliveryId(id), gateway))
            .collect())
    }
}

async fn decide(connection: &mut SqliteConnection, change: GatewayChange) -> Work<Verdict<bool>> {
    let (from, to) = (change.from, change.to);
    let changed = sqlx::query(CHANGE)
        .bind(&change.gateway)
        .bind(change.version)
        .bind(to.circuit.code())
        .bind(to.circuit_since.0)
        .bind(to.share.tenths())
        .bind(to.shifted_at.0)
        .bind(to.worse_at.0)
        .bind(change.probe_at.0)
        .execute(&mut *connection)
        .await?;
    if changed.rows_affected() == 0 {
        return Ok(Verdict::NothingToDo(false));
    }
    if let Some(reason) = change.reason {
        sqlx::query(REMEMBER)
            .bind(change.at.0)
            .bind(&change.gateway)
            .bind(from.circuit.code())
            .bind(from.share.tenths())
            .bind(to.circuit.code())
            .bind(to.share.tenths())
            .bind(reason)
            .bind(long(change.figures.taken))
            .bind(long(change.figures.failed))
            .bind(long(change.figures.micros))
            .execute(connection)
            .await?;
    }
    Ok(Verdict::Commit(true))
}

fn row(row: StateRow) -> Result<GatewayRow, StoreError> {
    let (gateway, version, code, circuit_since, share, shifted_at, worse_at, probe_at) = row;
    Ok(GatewayRow {
        version,
        state: GatewayState {
            circuit: circuit(&gateway, code)?,
            circuit_since: Timestamp(circuit_since),
            share: Share::from_tenths(share),
            shifted_at: Timestamp(shifted_at),
            worse_at: Timestamp(worse_at),
        },
        probe_at: Timestamp(probe_at),
        bins: Vec::new(),
        gateway,
    })
}

fn step(row: StepRow) -> Result<GatewayStep, StoreError> {
    let (at, gateway, was, had, is, has, reason, taken, failed, spent) = row;
    Ok(GatewayStep {
        at: Timestamp(at),
        from: (circuit(&gateway, was)?, Share::from_tenths(had)),
        to: (circuit(&gateway, is)?, Share::from_tenths(has)),
        reason,
        figures: tally(taken, failed, spent),
        gateway,
    })
}

fn circuit(gateway: &str, code: i64) -> Result<Circuit, StoreError> {
    i16::try_from(code)
        .ok()
        .and_then(Circuit::from_code)
        .ok_or_else(|| {
            let why = format!("no circuit has code {code}");
            corrupt("gateway_state", gateway, why)
        })
}

fn tally(taken: i64, failed: i64, spent: i64) -> Tally {
    let count = |column| u64::try_from(column).unwrap_or(0);
    Tally {
        taken: count(taken),
        failed: count(failed),
        micros: count(spent),
    }
}

fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
