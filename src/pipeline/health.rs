//! Tells the fleet what this process saw of the gateways, looks at what the fleet saw, and decides:
//! circuits and shares. Every worker judges; the store lets one of them decide.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::health::{Circuit, GatewayState, Seen, Tally, after_probe, judge};
use crate::domain::kinds::Channel;
use crate::domain::time::Timestamp;
use crate::ports::clock::Monotonic;
use crate::ports::store::{FleetView, GatewayChange, GatewayRow, StoreError};
use crate::telemetry::record;

use super::deps::Deps;
use super::line::Line;

/// Tells and judges until stopping is asked for; at once when something alarming was seen.
pub async fn run(deps: Arc<Deps>) {
    let every = deps.policy.health.every;
    while !deps.stop.is_cancelled() {
        if let Err(error) = round(&deps).await {
            record::store_error("health");
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot compare the health of gateways with the fleet"
            );
        }
        // However loud the alarm, the store is not asked more often than this.
        if !deps.pause(every / 5).await {
            return;
        }
        tokio::select! {
            biased;
            () = deps.stop.cancelled() => return,
            () = deps.bells.health.notified() => {}
            () = deps.clock.sleep(every.mul_f64(0.6 + 0.4 * deps.entropy.unit())) => {}
        }
    }
}

async fn round(deps: &Deps) -> Result<(), StoreError> {
    flush(deps).await?;
    let asked = deps.clock.monotonic();
    let view = deps.store.fleet_view(deps.policy.health.window).await?;
    for channel in Channel::ALL {
        decide(deps, deps.lines.on(*channel), &view, asked).await?;
    }
    Ok(())
}

/// Tells what was counted since the last time.
async fn flush(deps: &Deps) -> Result<(), StoreError> {
    let rules = &deps.policy.health;
    let mut told = Vec::new();
    let mut counts: Vec<(String, Tally)> = Vec::new();
    for line in deps.lines.all() {
        let tally = line.vitals.take_tally();
        if !tally.is_empty() {
            told.push(line);
            counts.push((line.route.name.clone(), tally));
        }
    }
    let result = deps.store.tally(rules.bin, rules.window * 2, &counts).await;
    if result.is_err() {
        for (line, (_, tally)) in told.into_iter().zip(counts) {
            line.vitals.put_tally_back(tally);
        }
    }
    result
}

/// Decides about the gateways of one channel and lets the lines know.
async fn decide(
    deps: &Deps,
    lines: &[Arc<Line>],
    view: &FleetView,
    asked: Monotonic,
) -> Result<(), StoreError> {
    let mut rows: Vec<GatewayRow> = lines
        .iter()
        .map(|line| row_of(view, &line.route.name))
        .collect();
    for (line, row) in lines.iter().zip(&mut rows) {
        if line.vitals.probe_taken()
            && let Some((to, reason)) = after_probe(view.now, row.state)
        {
            change(deps, row, to, Some(reason), Tally::default(), view.now).await?;
        }
    }
    let seen: Vec<Seen> = rows
        .iter()
        .map(|row| Seen {
            state: row.state,
            bins: row.bins.clone(),
        })
        .collect();
    for decided in judge(&deps.policy.health, view.now, &seen) {
        if let Some(row) = rows.get_mut(decided.index) {
            change(
                deps,
                row,
                decided.to,
                decided.reason,
                decided.figures,
                view.now,
            )
            .await?;
        }
    }
    let mut moved = false;
    for (line, row) in lines.iter().zip(&rows) {
        moved |= line.vitals.is_open() != (row.state.circuit == Circuit::Open);
        let probe_in = row.probe_at.since(view.now);
        line.vitals
            .learn(&row.state, asked.plus(probe_in), view.workers);
        record::gateway(&line.route.name, row.state.circuit, line.weight());
    }
    if moved {
        deps.bells.ready.notify_waiters();
    }
    Ok(())
}

fn row_of(view: &FleetView, name: &str) -> GatewayRow {
    let known = view.gateways.iter().find(|row| row.gateway == name);
    known.cloned().unwrap_or_else(|| GatewayRow {
        gateway: name.to_owned(),
        ..GatewayRow::default()
    })
}

/// Decides, unless another worker just did: then the next round sees what.
async fn change(
    deps: &Deps,
    row: &mut GatewayRow,
    to: GatewayState,
    reason: Option<String>,
    figures: Tally,
    now: Timestamp,
) -> Result<(), StoreError> {
    let probe_at = match to.circuit {
        Circuit::Open => now.plus(deps.policy.health.probe_every),
        Circuit::Closed => Timestamp::default(),
    };
    let decided = deps
        .store
        .change_gateway(GatewayChange {
            gateway: row.gateway.clone(),
            version: row.version,
            from: row.state,
            to,
            probe_at,
            at: now,
            reason: reason.clone(),
            figures,
        })
        .await?;
    if !decided {
        return Ok(());
    }
    if let Some(reason) = reason {
        tell(
            &row.gateway,
            row.state,
            to,
            &reason,
            deps.policy.health.probe_every,
        );
    }
    row.version += 1;
    row.state = to;
    row.probe_at = probe_at;
    Ok(())
}

fn tell(name: &str, from: GatewayState, to: GatewayState, reason: &str, probe_every: Duration) {
    match (from.circuit, to.circuit) {
        (Circuit::Closed, Circuit::Open) => tracing::warn!(
            gateway.name = name,
            probe_seconds = probe_every.as_secs_f64(),
            "the circuit of {name} opens: {reason}; only a probe goes there now and then"
        ),
        (Circuit::Open, Circuit::Closed) => tracing::warn!(
            gateway.name = name,
            "the circuit of {name} closes: {reason}"
        ),
        (Circuit::Closed, Circuit::Closed) | (Circuit::Open, Circuit::Open) => tracing::warn!(
            gateway.name = name,
            "{name} gets {} of its weight instead of {}: {reason}",
            percent(to),
            percent(from),
        ),
    }
}

fn percent(state: GatewayState) -> String {
    format!("{} %", state.share.tenths() * 10)
}
