//! The whole configuration: where it comes from and what it holds.

use std::path::PathBuf;
use std::time::Duration;

use super::agency::Agency;
use super::amqp::Amqp;
use super::audit::Audit;
use super::database::Database;
use super::dispatch::Dispatch;
use super::email_relay::EmailRelay;
use super::error::{ConfigError, Finding, Origin};
use super::http::Http;
use super::limits::Limits;
use super::log::Log;
use super::metrics::Metrics;
use super::node::Node;
use super::page::Page;
use super::reader::{Findings, Setting, section};
use super::recovery::Recovery;
use super::register::Register;
use super::retention::Retention;
use super::retry::Retry;
use super::sms_gateway::SmsGateway;
use super::window::Window;
use super::{check, environment, merge};

/// The manual, which holds every default.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

section! {
    /// Everything that can be configured.
    Config {
        /// Where the store is.
        database: Database,
        /// The broker; absent: HTTP intake only.
        amqp: Option<Amqp>,
        /// The API.
        http: Http,
        /// Who knows the persons' addresses.
        register: Register,
        /// A person's own page; absent: none.
        page: Option<Page>,
        /// Dead workers and unknown tries.
        recovery: Recovery,
        /// When a delivery that was not taken is tried again.
        retry: Retry,
        /// How long what is known of people is kept.
        retention: Retention,
        /// The audit of look-ups.
        audit: Audit,
        /// What `daytime` means.
        window: Window,
        /// How a worker claims, holds and sends.
        dispatch: Dispatch,
        /// How much one address may get.
        limits: Limits,
        /// The log.
        log: Log,
        /// What Prometheus is told.
        metrics: Metrics,
        /// Who may enqueue jobs.
        agency: Vec<Agency> = Vec::new(),
        /// SMS providers.
        sms_gateway: Vec<SmsGateway> = Vec::new(),
        /// SMTP servers.
        email_relay: Vec<EmailRelay> = Vec::new(),
    }
}

impl Config {
    /// Loads the defaults, then `files` in order, then the variables `BUDSTIKKE__…` of `env`.
    ///
    /// # Errors
    /// [`ConfigError`] with every finding that could be made at once.
    pub fn load(
        files: &[PathBuf],
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut findings = Vec::new();
        let mut texts = Vec::new();
        for file in files {
            match std::fs::read_to_string(file) {
                Ok(text) => texts.push((file.clone(), text)),
                Err(error) => findings.push(Finding {
                    path: String::new(),
                    origin: Origin::File(file.clone()),
                    problem: format!("cannot be read: {error}"),
                }),
            }
        }
        Self::build(&texts, env, findings)
    }

    /// As [`Self::load`], with the texts of files that need not exist: for the demo and for tests.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_texts(
        texts: &[(PathBuf, String)],
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::build(texts, env, Vec::new())
    }

    fn build(
        texts: &[(PathBuf, String)],
        env: impl IntoIterator<Item = (String, String)>,
        findings: Vec<Finding>,
    ) -> Result<Self, ConfigError> {
        let mut findings = Findings {
            list: findings,
            leave_secret_files: false,
        };
        let mut root = Node::table(Origin::Default);
        let defaults = (Origin::Default, DEFAULTS);
        let files = texts
            .iter()
            .map(|(path, text)| (Origin::File(path.clone()), text.as_str()));
        for (origin, text) in std::iter::once(defaults).chain(files) {
            match Node::parse(text, &origin) {
                Ok(layer) => merge::layer(&mut root, layer),
                Err(finding) => findings.list.push(finding),
            }
        }
        if let Some(layer) = environment::layer(env, &mut findings.list) {
            merge::layer(&mut root, layer);
        }
        let mut config = Self::read(&root, "", &mut findings);
        if let Some(config) = &mut config {
            config.follow_worker_dead(&root);
            check::all(config, &root, &mut findings);
        }
        match config {
            Some(config) if findings.list.is_empty() => Ok(config),
            Some(_) | None => {
                findings.list.sort();
                findings.list.dedup();
                Err(ConfigError {
                    findings: findings.list,
                })
            }
        }
    }

    /// A heartbeat that nobody chose follows a shorter `worker_dead`.
    fn follow_worker_dead(&mut self, root: &Node) {
        if *root.origin_of("recovery.heartbeat") == Origin::Default {
            let quarter = self.recovery.worker_dead / 4;
            self.recovery.heartbeat = self
                .recovery
                .heartbeat
                .min(quarter.max(Duration::from_millis(50)));
        }
    }

    /// As store, metrics and most of the log know a relay, which tell gateways and relays apart by
    /// their names alone: rates, health and circuits belong to a name. A relay that is called as an SMS
    /// gateway is has `-email` behind it.
    pub fn known_as(&self, relay: &EmailRelay) -> String {
        let gateways = self.sms_gateway.iter().map(|one| one.name.as_str());
        let relays = self.email_relay.iter().map(|one| one.name.as_str());
        let taken: Vec<&str> = gateways.clone().chain(relays).collect();
        let mut name = relay.name.as_str().to_owned();
        if gateways.clone().any(|gateway| gateway == name) {
            while taken.contains(&name.as_str()) {
                name.push_str("-email");
            }
        }
        name
    }

    /// The effective configuration as TOML with every secret masked, for `budstikke check`.
    pub fn masked_toml(&self) -> String {
        let Some(toml::Value::Table(table)) = self.show() else {
            return String::new();
        };
        toml::to_string_pretty(&table).unwrap_or_default()
    }

    /// What works but deserves a second look, for `budstikke check` and the log of `serve`.
    pub fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }
}
