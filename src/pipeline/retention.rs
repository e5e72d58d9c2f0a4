//! Erases what may not be kept, in small batches.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::telemetry::record;

use super::deps::Deps;

/// Jobs in one batch.
const BATCH: u32 = 200;
/// Links of the audit in one batch.
const AUDIT_BATCH: u32 = 2_000;

/// How long what is kept, counted from when everything of a job was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Texts, values and addresses.
    pub text: Duration,
    /// Identity numbers.
    pub identity: Duration,
    /// Who ordered what and what became of it.
    pub facts: Duration,
    /// Events in the feed.
    pub events: Duration,
    /// The audit of look-ups, counted from when they were made.
    pub audit: Duration,
}

/// Erases until stopping is asked for.
pub async fn run(deps: Arc<Deps>, ages: Ages) {
    let shortest = ages
        .text
        .min(ages.identity)
        .min(ages.facts)
        .min(ages.events)
        .min(ages.audit);
    let often = (shortest / 4).clamp(Duration::from_millis(200), Duration::from_mins(10));
    while deps
        .pause(often.mul_f64(0.75 + 0.5 * deps.entropy.unit()))
        .await
    {
        let now = deps.clock.now();
        loop {
            let erased = deps
                .store
                .erase(
                    now.minus(ages.text),
                    now.minus(ages.identity),
                    now.minus(ages.facts),
                    now.minus(ages.events),
                    BATCH,
                )
                .await;
            match erased {
                Ok(erased) if erased.is_nothing() => break,
                Ok(erased) => {
                    record::erased(&erased_counts(&erased));
                    tracing::debug!(?erased, "erased what may not be kept");
                }
                Err(error) => {
                    record::store_error("erase");
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot erase what may not be kept"
                    );
                    break;
                }
            }
            if deps.stop.is_cancelled() {
                return;
            }
        }
        erase_audit(&deps, now.minus(ages.audit)).await;
    }
}

async fn erase_audit(deps: &Deps, before: Timestamp) {
    while !deps.stop.is_cancelled() {
        match deps.store.erase_audit(before, AUDIT_BATCH).await {
            Ok(0) => return,
            Ok(links) => record::erased(&[("audit", links)]),
            Err(error) => {
                record::store_error("erase");
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot erase the audit of look-ups that is too old"
                );
                return;
            }
        }
    }
}

const fn erased_counts(erased: &crate::ports::store::Erased) -> [(&'static str, u64); 4] {
    [
        ("texts", erased.texts),
        ("identities", erased.identities),
        ("jobs", erased.jobs),
        ("events", erased.events),
    ]
}
