//! The HTTP API of a worker: what the configuration says of it.

use crate::config::Config;

use super::lifecycle::{Broker, Worker};

/// What must be ready besides the store.
#[derive(Debug, Clone)]
pub struct Readiness {
    broker: Broker,
}

impl Readiness {
    /// Of these parties.
    pub fn new(broker: &Broker) -> Self {
        Self {
            broker: broker.clone(),
        }
    }

    /// Each party and whether it is ready.
    pub fn parts(&self) -> Vec<(&'static str, bool)> {
        let source = self
            .broker
            .source
            .as_ref()
            .map(|source| ("broker_jobs", source.is_ready()));
        let sink = self
            .broker
            .sink
            .as_ref()
            .map(|sink| ("broker_events", sink.is_ready()));
        source.into_iter().chain(sink).collect()
    }
}

/// The router.
///
/// # Errors
/// A setting that cannot be used.
pub fn router(
    _config: &Config,
    _worker: &Worker,
    _readiness: Readiness,
) -> anyhow::Result<axum::Router> {
    Ok(axum::Router::new())
}
