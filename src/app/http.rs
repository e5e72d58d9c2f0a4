//! The HTTP API of a worker: what the configuration says of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::adapters::access::{AccessChecker, AccessSettings};
use crate::adapters::sms::receipts;
use crate::adapters::sms::wire::GatewayKind;
use crate::adapters::smtp::bounce;
use crate::api::{ApiLimits, ApiParts, ApiState, ReceiptSource, ReceiptToken};
use crate::config::Config;
use crate::config::sms_gateway::SmsGateway;
use crate::ports::access::TokenChecker;
use crate::ports::clock::Clock;
use crate::telemetry::metrics::{Kind, Metric, describe};

use super::lifecycle::{Broker, Worker};

/// How long the issuer's keys may take.
const KEYS_TIMEOUT: Duration = Duration::from_secs(5);

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
    config: &Config,
    worker: &Worker,
    readiness: Readiness,
) -> anyhow::Result<axum::Router> {
    let recorder = if config.metrics.enabled {
        Some(recorder(config)?)
    } else {
        None
    };
    let parts = ApiParts {
        deps: Arc::clone(&worker.deps),
        intake: worker.intake.clone(),
        receipts: worker.receipts.clone(),
        tokens: tokens(config, &worker.deps.clock)?,
        receipt_sources: config.sms_gateway.iter().map(receipt_source).collect(),
        bounces: ReceiptSource::mail_system(
            config.http.bounce_token.expose(),
            Arc::new(|_, _, body| bounce::parse(body).map_err(|error| error.to_string())),
        ),
        ready: Arc::new(move || readiness.parts()),
        metrics: Arc::new(move || {
            recorder
                .as_ref()
                .map(PrometheusHandle::render)
                .unwrap_or_default()
        }),
        limits: ApiLimits {
            body_bytes: config.http.body_limit.0,
            request_timeout: config.http.request_timeout,
            rate_per_key: config.http.rate_per_key,
            burst_per_key: config.http.burst_per_key,
        },
    };
    Ok(crate::api::router(ApiState::new(parts)))
}

/// Who looks at access tokens, if the configuration trusts an issuer.
fn tokens(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<dyn TokenChecker>>> {
    let Some(issuer) = &config.http.maskinporten else {
        return Ok(None);
    };
    let name = issuer.issuer.expose();
    let (setting, keys) = match &issuer.jwks_url {
        Some(url) => ("http.maskinporten.jwks_url", url.expose().to_owned()),
        None => ("http.maskinporten.issuer", format!("{name}jwk")),
    };
    let settings = AccessSettings {
        issuer: name.to_owned(),
        scope: issuer.scope.clone(),
        audience: issuer.audience.clone(),
        keys: keys.parse().with_context(|| format!("{setting}: {keys}"))?,
        timeout: KEYS_TIMEOUT,
    };
    let checker = AccessChecker::new(settings, Arc::clone(clock))
        .map_err(|error| anyhow!(error).context(setting))?;
    Ok(Some(Arc::new(checker)))
}

fn receipt_source(gateway: &SmsGateway) -> ReceiptSource {
    let kind = match &gateway.kind {
        crate::config::sms_gateway::GatewayKind::Json(_) => GatewayKind::Json,
        crate::config::sms_gateway::GatewayKind::Kannel => GatewayKind::Kannel,
    };
    ReceiptSource {
        name: gateway.name.as_str().to_owned(),
        token: ReceiptToken::new(gateway.receipt_token.expose()),
        parse: Arc::new(move |content_type, query, body| {
            receipts::parse(kind, content_type, query, body).map_err(|error| error.to_string())
        }),
    }
}

/// The process's recorder of metrics; there is one, however many workers a process has (tests).
fn recorder(config: &Config) -> anyhow::Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let mut builder = PrometheusBuilder::new();
    for metric in Metric::ALL
        .iter()
        .filter(|metric| metric.kind() == Kind::Histogram)
    {
        builder = builder
            .set_buckets_for_metric(
                Matcher::Full(metric.name().to_owned()),
                &config.metrics.buckets,
            )
            .context("metrics.buckets")?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        let gateways = config
            .sms_gateway
            .iter()
            .map(|gateway| gateway.name.as_str().to_owned());
        let relays = config.email_relay.iter();
        let names: Vec<String> = gateways
            .chain(relays.map(|relay| config.known_as(relay)))
            .collect();
        describe(
            names.iter().map(String::as_str),
            config.agency.iter().map(|agency| &agency.id),
        );
    }
    Ok(RECORDER.get_or_init(|| handle).clone())
}
