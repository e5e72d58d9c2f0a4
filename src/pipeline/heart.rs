//! Says that this worker lives, and finds the work of those that do not.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::store::StoreError;
use crate::telemetry::record;

use super::deps::Deps;
use super::ready::ReadySet;

/// Of the time after which a worker is dead, this share is kept back: no first byte in it.
const MARGIN: f64 = 0.25;

/// The heartbeat loop; it goes on while the process drains, until `end` is cancelled.
pub async fn beat(
    deps: Arc<Deps>,
    ready: Arc<ReadySet>,
    name: String,
    end: tokio_util::sync::CancellationToken,
) {
    let mut began_anew = false;
    loop {
        match beat_once(&deps).await {
            Ok(true) => began_anew = false,
            Ok(false) => {
                let again = start_anew(&deps, &ready, &name).await;
                // Nothing leaves before the first heartbeat of the new life, so it comes at once;
                // but only once in a row.
                if again && !began_anew {
                    began_anew = true;
                    continue;
                }
            }
            Err(error) => {
                record::store_error("heartbeat");
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot say that this worker lives"
                );
            }
        }
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = deps.clock.sleep(deps.policy.heartbeat) => {}
        }
    }
}

/// One heartbeat, which also brings the store's time. `false`: others took this worker for dead.
///
/// The first one comes before any loop begins: none may go by the machine's own clock, which may be
/// off. A worker that did so once took in a job that another one had rejected as expired.
///
/// # Errors
/// [`StoreError`].
pub async fn beat_once(deps: &Deps) -> Result<bool, StoreError> {
    let asked = deps.clock.monotonic();
    let Some(at) = deps.store.heartbeat(deps.worker()).await? else {
        return Ok(false);
    };
    deps.fleet_clock.learn(at, asked);
    let trusted = deps.policy.worker_dead.mul_f64(1.0 - MARGIN);
    deps.set_alive(asked.plus(trusted));
    Ok(true)
}

/// Others took this worker for dead: what it had claimed is not its own any more. Whether it has a
/// new life.
async fn start_anew(deps: &Deps, ready: &ReadySet, name: &str) -> bool {
    let dropped = ready.drain().len();
    tracing::warn!(
        deliveries = dropped,
        "this worker was taken for dead; it starts anew"
    );
    match deps.store.start_worker(name).await {
        Ok(worker) => {
            deps.set_worker(worker);
            true
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot start anew yet"
            );
            false
        }
    }
}

/// Finds dead workers' work, raises lanes, measures the backlog; until stopping is asked for.
pub async fn reap(deps: Arc<Deps>) {
    let policy = &deps.policy;
    let often = (policy.worker_dead / 4).clamp(Duration::from_millis(200), Duration::from_secs(5));
    let mut rounds: u64 = 0;
    while deps
        .pause(often.mul_f64(0.75 + 0.5 * deps.entropy.unit()))
        .await
    {
        match deps
            .store
            .reap(policy.worker_dead, policy.unknown_sms, policy.unknown_email)
            .await
        {
            Ok(reaped) if reaped.workers > 0 => {
                tracing::warn!(
                    workers = reaped.workers,
                    handed_back = reaped.handed_back,
                    unknown = reaped.unknown,
                    "took over the work of dead workers"
                );
                deps.bells.due.notify_waiters();
            }
            Ok(_) => {}
            Err(error) => {
                record::store_error("reap");
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot look for dead workers"
                );
            }
        }
        rounds += 1;
        if rounds.is_multiple_of(4) {
            observe(&deps).await;
        }
    }
}

async fn observe(deps: &Deps) {
    if let Err(error) = deps
        .store
        .raise_lanes(deps.policy.raise_lane_after, 1_000)
        .await
    {
        record::store_error("raise_lanes");
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot raise lanes"
        );
    }
    match deps.store.backlog().await {
        Ok(backlog) => record::backlog(&backlog_by_lane(deps, &backlog)),
        Err(error) => {
            record::store_error("backlog");
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "cannot measure the backlog"
            );
        }
    }
}

/// Due deliveries and the age of the oldest, per lane.
fn backlog_by_lane(
    deps: &Deps,
    backlog: &[crate::ports::store::Backlog],
) -> Vec<(crate::domain::kinds::Lane, u64, Duration)> {
    let now = deps.clock.now();
    crate::domain::kinds::Lane::ALL
        .iter()
        .map(|lane| {
            let of_lane = backlog.iter().filter(|row| row.lane == *lane);
            let due = of_lane.clone().map(|row| row.due).sum();
            let oldest = of_lane.filter_map(|row| row.oldest_due).min();
            (
                *lane,
                due,
                oldest.map_or(Duration::ZERO, |at| now.since(at)),
            )
        })
        .collect()
}
