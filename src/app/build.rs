//! Configuration becomes ports and policy: read top to bottom, everything is constructed by name.

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::adapters::amqp::{
    AgencyRoute, AmqpEvents, AmqpJobs, AmqpSettings, Prefetch, Publisher, Topology,
};
use crate::adapters::clock::SystemClock;
use crate::adapters::entropy::SystemEntropy;
use crate::adapters::local_register::{LocalPopulation, LocalRegister};
use crate::adapters::postgres::{PostgresSettings, PostgresStore};
use crate::adapters::sms;
use crate::adapters::sms::json::{
    Fields, HttpMethod, JsonGateway, JsonSettings, NumberFormat, StatusLists,
};
use crate::adapters::sms::kannel::KannelGateway;
use crate::adapters::smtp::{Credentials, RelaySettings, SmtpRelay};
use crate::adapters::sqlite::{SqliteSettings, SqliteStore};
use crate::config::register::RegisterKind;
use crate::config::sms_gateway::{Auth, GatewayKind, SmsGateway};
use crate::config::sms_json::{self, JsonSms};
use crate::config::{Config, DatabaseKind};
use crate::domain::address_limit::AddressLimits;
use crate::domain::health::Rules;
use crate::domain::pace::Rate;
use crate::domain::retry::RetryPolicy;
use crate::domain::secret_key::SecretKey;
use crate::pipeline::deps::{Deps, Parts, Policy, Route, Routes};
use crate::pipeline::heart;
use crate::pipeline::retention::Ages;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy as _;
use crate::ports::gateway::Gateway;
use crate::ports::register::ContactRegister;
use crate::ports::store::{Store, StoreError};

use super::agencies::directory;
use super::lifecycle::{Broker, Roles};

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// By the worker itself: SQLite is held by this process alone.
    Exclusive,
    /// By a short command beside a running worker.
    Shared,
}

/// Opens the store of the configuration.
///
/// # Errors
/// It cannot be reached, is held by another process, or its schema is not ours.
pub async fn store(
    config: &Config,
    clock: Arc<dyn Clock>,
    opening: Opening,
) -> anyhow::Result<Arc<dyn Store>> {
    let url = config.database.url.expose().to_owned();
    match config.database.url.kind() {
        DatabaseKind::Sqlite => {
            let settings = SqliteSettings { url, clock };
            let store = match opening {
                Opening::Exclusive => SqliteStore::open(settings).await?,
                Opening::Shared => SqliteStore::open_shared(settings).await?,
            };
            Ok(Arc::new(store))
        }
        DatabaseKind::Postgres => {
            let settings = PostgresSettings {
                max_connections: config.database.max_connections,
                acquire_timeout: config.database.acquire_timeout,
                statement_timeout: config.database.statement_timeout,
                ..PostgresSettings::new(url)
            };
            Ok(Arc::new(PostgresStore::connect(settings).await?))
        }
    }
}

/// Builds the gateways and relays.
///
/// # Errors
/// A setting that the gateway's kind cannot use.
pub fn routes(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Routes> {
    let mut routes = Routes::default();
    for gateway in &config.sms_gateway {
        routes.sms.push(Route {
            name: gateway.name.as_str().to_owned(),
            gateway: sms_gateway(config, gateway, clock)?,
            rate: Rate::new(gateway.rate, gateway.burst)
                .with_context(|| format!("sms_gateway {}", gateway.name))?,
            weight: gateway.weight,
            deadline: config.dispatch.sms_deadline,
        });
    }
    for relay in &config.email_relay {
        let mut settings = RelaySettings::new(relay.name.as_str(), relay.url.to_string());
        settings.connections = relay.connections as usize;
        settings.hello = relay.hello.clone();
        if let Some(file) = &relay.ca_file {
            settings.extra_roots = RelaySettings::read_roots(file)
                .with_context(|| format!("email_relay {}: ca_file", relay.name))?;
        }
        if !relay.user.is_empty() {
            settings.credentials = Some(Credentials {
                user: relay.user.clone(),
                password: relay.password.expose().to_owned(),
            });
        }
        routes.email.push(Route {
            name: config.known_as(relay),
            gateway: Arc::new(
                SmtpRelay::new(settings).with_context(|| format!("email_relay {}", relay.name))?,
            ),
            rate: Rate::new(relay.rate, relay.burst)
                .with_context(|| format!("email_relay {}", relay.name))?,
            weight: relay.weight,
            deadline: config.dispatch.email_deadline,
        });
    }
    Ok(routes)
}

fn sms_gateway(
    config: &Config,
    gateway: &SmsGateway,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Gateway>> {
    let mut settings = sms::Settings::new(gateway.name.as_str(), gateway.url.expose());
    settings.concurrency = gateway.concurrency as usize;
    settings.auth = match &gateway.auth {
        Auth::None => sms::Auth::None,
        Auth::Basic { user, password } => sms::Auth::Basic {
            user: user.clone(),
            password: password.expose().to_owned(),
        },
        Auth::Bearer { token } => sms::Auth::Bearer {
            token: token.expose().to_owned(),
        },
        Auth::Header { name, value } => sms::Auth::Header {
            name: name.clone(),
            value: value.expose().to_owned(),
        },
    };
    settings.connect_timeout = gateway.connect_timeout;
    settings.pool_idle_timeout = gateway.idle_timeout;
    settings.report_url = gateway
        .public_url
        .as_ref()
        .or(config.http.public_url.as_ref())
        .map(|url| {
            let token = gateway.receipt_token.expose();
            sms::Settings::report_url(url.expose(), gateway.name.as_str(), token)
        });
    match &gateway.kind {
        GatewayKind::Json(json) => {
            let gateway = JsonGateway::new(&settings, json_settings(json), Arc::clone(clock))?;
            Ok(Arc::new(gateway))
        }
        GatewayKind::Kannel => Ok(Arc::new(KannelGateway::new(&settings, Arc::clone(clock))?)),
    }
}

fn json_settings(json: &JsonSms) -> JsonSettings {
    let codes = |list: &[u32]| {
        list.iter()
            .filter_map(|code| u16::try_from(*code).ok())
            .collect()
    };
    JsonSettings {
        method: match json.method {
            sms_json::HttpMethod::Post => HttpMethod::Post,
            sms_json::HttpMethod::Put => HttpMethod::Put,
        },
        fields: Fields {
            to: json.to.clone(),
            from: json.from.clone(),
            text: json.text.clone(),
            reference: json.reference.clone(),
            report_url: json.report_url.clone(),
        },
        numbers: match json.numbers {
            sms_json::NumberFormat::E164 => NumberFormat::E164,
            sms_json::NumberFormat::Digits => NumberFormat::Digits,
        },
        constants: json.constants.expose().clone(),
        id_field: json.id_field.clone(),
        error_field: json.error_field.clone(),
        idempotency_header: json.idempotency_header.clone(),
        statuses: StatusLists {
            account: codes(&json.account),
            later: codes(&json.later),
            unknown: codes(&json.unknown),
            refused: codes(&json.refused),
        },
    }
}

/// Builds the register.
///
/// # Errors
/// A register of this kind cannot be used.
pub fn register(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn ContactRegister>> {
    match config.register.kind {
        RegisterKind::Local => Ok(Arc::new(LocalRegister::new(Arc::clone(store)))),
        RegisterKind::Krr => super::krr::register(config, clock),
    }
}

/// The policy's numbers.
///
/// # Errors
/// A list of retries that is empty.
pub fn policy(config: &Config) -> anyhow::Result<Policy> {
    let dispatch = &config.dispatch;
    Ok(Policy {
        retry_sms: RetryPolicy::new(config.retry.sms.clone()).context("retry.sms")?,
        retry_email: RetryPolicy::new(config.retry.email.clone()).context("retry.email")?,
        unknown_sms: config.recovery.unknown_sms,
        unknown_email: config.recovery.unknown_email,
        worker_dead: config.recovery.worker_dead,
        heartbeat: config.recovery.heartbeat,
        slots_ahead: dispatch.slots_ahead,
        slots_ahead_urgent: dispatch.slots_ahead_urgent,
        slot_tolerance: dispatch.slot_tolerance,
        hold_per_agency: dispatch.hold_per_agency as usize,
        hold_per_channel: dispatch.hold_per_channel as usize,
        hold_for: dispatch.hold_for,
        register_fresh: config.register.cache,
        poll_max: dispatch.poll_max,
        allow_synthetic: config.register.allow_synthetic,
        raise_lane_after: dispatch.raise_lane_after,
        health: Rules::default(),
        address_limits: AddressLimits {
            identical_per_hour: config.limits.identical_per_hour,
            any_per_hour: config.limits.any_per_hour,
        },
    })
}

/// The key of audit and opt-out lists: the configured one, else the one that the store keeps.
///
/// # Errors
/// The store.
pub async fn key(config: &Config, store: &dyn Store) -> Result<SecretKey, StoreError> {
    let configured = config.audit.key.expose();
    if configured.is_empty() {
        let kept = store.secret("audit", SystemEntropy.bytes()).await?;
        return Ok(SecretKey::new(kept));
    }
    Ok(SecretKey::of_text(configured))
}

/// The ages of retention.
pub const fn ages(config: &Config) -> Ages {
    let retention = &config.retention;
    Ages {
        text: retention.text,
        identity: retention.identity,
        facts: retention.facts,
        events: retention.events,
        audit: retention.audit,
    }
}

/// Everything that the pipeline works with.
///
/// # Errors
/// As the parts.
pub async fn deps(
    config: &Config,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    name: &str,
) -> anyhow::Result<Deps> {
    if config.page.is_some() {
        store.keep_history();
    }
    let parts = Parts {
        register: register(config, &store, &clock)?,
        population: Arc::new(LocalPopulation::new(Arc::clone(&store))),
        directory: directory(config, store.as_ref()).await?,
        routes: routes(config, &clock)?,
        policy: policy(config)?,
        worker: store.start_worker(name).await?,
        entropy: Arc::new(SystemEntropy),
        key: key(config, store.as_ref()).await?,
        clock,
        store,
    };
    let deps = Deps::new(parts, CancellationToken::new(), TaskTracker::new());
    heart::beat_once(&deps).await?;
    Ok(deps)
}

/// The clock of the machine.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Who consumes and publishes for whom at the broker.
pub fn agency_routes(config: &Config) -> Vec<AgencyRoute> {
    config
        .agency
        .iter()
        .map(|agency| AgencyRoute {
            agency: agency.id.clone(),
            broker_user: agency
                .broker_user
                .clone()
                .unwrap_or_else(|| agency.id.as_str().to_owned()),
        })
        .collect()
}

/// How we reach the broker; `None` without `[amqp]`.
///
/// # Errors
/// The URL.
pub fn amqp_settings(config: &Config) -> anyhow::Result<Option<AmqpSettings>> {
    let Some(amqp) = &config.amqp else {
        return Ok(None);
    };
    let settings = AmqpSettings::parse(amqp.url.expose(), amqp.ca_file.as_deref(), amqp.heartbeat)
        .context("amqp.url")?;
    Ok(Some(settings))
}

/// Starts the broker's sides that the roles need; empty without `[amqp]`. Who does not take jobs in
/// must not consume: they would wait in its memory.
///
/// # Errors
/// The URL.
pub fn broker(config: &Config, roles: Roles, clock: Arc<dyn Clock>) -> anyhow::Result<Broker> {
    let (Some(amqp), Some(settings), true) = (
        &config.amqp,
        amqp_settings(config)?,
        roles.intake || roles.publish,
    ) else {
        return Ok(Broker::default());
    };
    let routes = agency_routes(config);
    let topology = Topology::new(routes.clone());
    let publisher = Arc::new(Publisher::start(settings.clone(), Some(topology.clone())));
    let mut broker = Broker::default();
    if roles.intake {
        let prefetch = Prefetch(u16::try_from(amqp.prefetch).unwrap_or(2_000));
        let publisher = Arc::clone(&publisher);
        let jobs = AmqpJobs::start(&settings, &topology, prefetch, publisher, clock);
        broker.source = Some(Arc::new(jobs));
    }
    if roles.publish {
        broker.sink = Some(Arc::new(AmqpEvents::new(publisher, &routes)));
    }
    Ok(broker)
}
