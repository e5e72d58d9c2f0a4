//! Hands claimed deliveries back, for certain: a delivery that stays claimed by a worker that lives
//! would be found by nobody.

use std::time::Duration;

use crate::domain::ids::{ClaimId, DeliveryId};
use crate::domain::time::Timestamp;
use crate::telemetry::record;

use super::deps::Deps;

/// Hands them back, due as before or at `due`; tried until the store takes it or the worker stops,
/// whose goodbye hands back everything it holds.
pub async fn give_back(deps: &Deps, deliveries: &[(DeliveryId, ClaimId)], due: Option<Timestamp>) {
    if deliveries.is_empty() {
        return;
    }
    let mut pause = Duration::from_millis(100);
    while let Err(error) = deps.store.hand_back(deliveries, due).await {
        record::store_error("hand_back");
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            deliveries = deliveries.len(),
            "cannot hand deliveries back; trying again"
        );
        if !deps.pause(pause).await {
            return;
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
