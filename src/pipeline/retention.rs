//! Erases what may not be kept, in small batches.

use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::record;

use super::deps::Deps;

/// Jobs in one batch.
const BATCH: u32 = 200;

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
}

/// Erases until stopping is asked for.
pub async fn run(deps: Arc<Deps>, ages: Ages) {
    let shortest = ages
        .text
        .min(ages.identity)
        .min(ages.facts)
        .min(ages.events);
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
