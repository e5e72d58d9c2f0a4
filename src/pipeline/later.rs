//! What waits because no gateway may take it now. No try is counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::DeliveryId;
use crate::domain::kinds::Channel;
use crate::domain::time::Timestamp;
use crate::ports::store::{Settlement, StoreError};

use super::deps::Deps;
use super::gate::wait;
use super::ready::{Held, Ready, ReadySet};

/// What is claimed again so long before its deadline can still go.
const BEFORE_DEADLINE: Duration = Duration::from_secs(5);

/// A second try whose gateway is not in the configuration is looked at again so often.
const HOMELESS: Duration = Duration::from_mins(5);

/// Held for a probe while no gateway of a channel may be used, per process.
const FOR_PROBES: usize = 20;

/// What a probe found out is known everywhere so long after it was due, about.
const AFTER_PROBE: Duration = Duration::from_secs(2);

/// When it goes on after `pause`: shortly before its deadline at the latest.
pub fn after(held: &Held, now: Timestamp, pause: Duration) -> Timestamp {
    let deadline = held.deadline();
    let last = deadline.minus(BEFORE_DEADLINE);
    now.plus(pause)
        .min(if last > now { last } else { deadline })
}

/// Waits for `pause`, or until shortly before its deadline.
pub fn later(held: &Held, now: Timestamp, pause: Duration) -> Settlement {
    wait(held, after(held, now, pause), now)
}

/// Half to one and a half times `mean`, at random.
pub fn about(deps: &Deps, mean: Duration) -> Duration {
    mean.mul_f64(0.5 + deps.entropy.unit())
}

/// What is held for gateways that may not be used goes back and waits until a probe has told more, so
/// that it stands in nobody's way; a little is kept for probes.
pub fn stuck(deps: &Deps, ready: &ReadySet) -> Vec<Settlement> {
    let now = deps.clock.now();
    let steady = deps.clock.monotonic();
    let mut stuck = Vec::new();
    for channel in Channel::ALL {
        let lines = deps.lines.on(*channel);
        let open: Vec<&str> = lines
            .iter()
            .filter(|line| line.vitals.is_open())
            .map(|line| line.route.name.as_str())
            .collect();
        if open.is_empty() {
            continue;
        }
        let keep = (open.len() == lines.len()).then_some(FOR_PROBES);
        let probes = lines.iter().filter_map(|line| line.vitals.probe_in(steady));
        let probe_in = probes.min().unwrap_or_default();
        let drained = ready.drain_stuck(*channel, &open, keep, |held| held.deadline() > now);
        // If the probe goes well they are here again soon after it. Sooner than others of a backlog,
        // which the register would have to be asked about.
        let back = |ready: &Ready| later(&ready.held, now, probe_in + about(deps, AFTER_PROBE));
        stuck.extend(drained.iter().map(back));
    }
    stuck
}

/// Binds second tries to the gateway of the first: what may have left through one never goes
/// through another. Answers those that can go on, and what becomes of those whose gateway is not in
/// the configuration: they wait for it until their deadline, and are then uncertain.
///
/// # Errors
/// [`StoreError`].
pub async fn bind(
    deps: &Deps,
    mut all: Vec<Held>,
) -> Result<(Vec<Held>, Vec<Settlement>), StoreError> {
    let second: Vec<DeliveryId> = all
        .iter()
        .filter(|held| held.claimed.slot > 0)
        .map(|held| held.claimed.delivery)
        .collect();
    if second.is_empty() {
        return Ok((all, Vec::new()));
    }
    let through = deps.store.tried_through(&second).await?;
    let through: HashMap<DeliveryId, String> = through.into_iter().collect();
    let now = deps.clock.now();
    let mut homeless = Vec::new();
    all.retain_mut(|held| {
        let Some(gateway) = through.get(&held.claimed.delivery) else {
            return true;
        };
        let lines = deps.lines.on(held.claimed.delivery.channel());
        match lines.iter().find(|line| line.route.name == *gateway) {
            Some(_only) if lines.len() == 1 => {}
            Some(line) => held.through = Some(Arc::from(line.route.name.as_str())),
            None if now < held.deadline() => {
                homeless.push(later(held, now, HOMELESS));
                return false;
            }
            // The gate makes it uncertain.
            None => {}
        }
        true
    });
    if !homeless.is_empty() {
        tracing::warn!(
            deliveries = homeless.len(),
            "second tries wait for a gateway that is not in the configuration: what may have left \
             through it goes through no other"
        );
    }
    Ok((all, homeless))
}
