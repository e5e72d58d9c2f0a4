//! What settings must mean together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::agency::Agency;
use super::error::Origin;
use super::node::Node;
use super::reader::Findings;
use super::register::RegisterKind;
use super::root::Config;
use super::sms_gateway::{Auth, GatewayKind, SmsGateway};
use super::sms_json::JsonSms;
use super::url::DatabaseKind;
use super::window::Window;
use crate::domain::kinds::Class;

/// Adds findings with the place where a setting was written.
struct Check<'a> {
    root: &'a Node,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn wrong(&mut self, path: &str, problem: impl Into<String>) {
        self.findings.add(path, self.root.origin_of(path), problem);
    }

    fn unless(&mut self, right: bool, path: &str, problem: &str) {
        if !right {
            self.wrong(path, problem);
        }
    }

    /// Somebody wrote it; a default never contradicts what the operator chose.
    fn is_chosen(&self, path: &str) -> bool {
        *self.root.origin_of(path) != Origin::Default
    }

    /// Every value once?
    fn unique(&mut self, list: &str, key: &str, values: &[(String, String)]) -> bool {
        let before = self.findings.list.len();
        let mut seen = BTreeSet::new();
        for (entry, value) in values {
            if !seen.insert(value) {
                let problem = format!("`{value}` stands in more than one [[{list}]]");
                self.wrong(&format!("{list}.{entry}.{key}"), problem);
            }
        }
        before == self.findings.list.len()
    }
}

/// Adds what contradicts itself.
pub(super) fn all(config: &Config, root: &Node, findings: &mut Findings) {
    let mut check = Check { root, findings };
    times(&mut check, config);
    retention(&mut check, config);
    lists(&mut check, config);
    let key = &config.audit.key;
    check.unless(
        key.is_empty() || key.expose().chars().count() >= 32,
        "audit.key",
        "must have at least 32 characters, for example from `openssl rand -hex 32`",
    );
    window(&mut check, "window", &config.window);
    for agency in &config.agency {
        one_agency(&mut check, config, agency);
    }
    for gateway in &config.sms_gateway {
        one_gateway(&mut check, gateway);
    }
    page(&mut check, config);
    for relay in &config.email_relay {
        let path = format!("email_relay.{}", relay.name);
        let both = relay.user.is_empty() == relay.password.is_empty();
        check.unless(
            both,
            &path,
            "user and password belong together: give both or neither",
        );
    }
}

fn times(check: &mut Check<'_>, config: &Config) {
    let (recovery, dispatch) = (&config.recovery, &config.dispatch);
    let chosen = ["recovery.worker_dead", "recovery.heartbeat"]
        .into_iter()
        .find(|path| check.is_chosen(path));
    check.unless(
        recovery.worker_dead >= recovery.heartbeat * 3,
        chosen.unwrap_or("recovery.worker_dead"),
        "worker_dead must be at least three times heartbeat, or a living worker is taken for dead",
    );
    let deadlines = [
        ("sms", recovery.unknown_sms, dispatch.sms_deadline),
        ("email", recovery.unknown_email, dispatch.email_deadline),
    ];
    for (channel, unknown, deadline) in deadlines {
        let setting = format!("dispatch.{channel}_deadline");
        let right = unknown >= deadline || !check.is_chosen(&setting);
        check.unless(
            right,
            &format!("recovery.unknown_{channel}"),
            &format!("must not be shorter than {setting}: the try may still be on the wire"),
        );
    }
    check.unless(
        dispatch.slots_ahead <= dispatch.slots_ahead_urgent,
        "dispatch.slots_ahead",
        "must not be longer than dispatch.slots_ahead_urgent, or urgent waits behind bulk",
    );
    for (path, schedule) in [
        ("retry.sms", &config.retry.sms),
        ("retry.email", &config.retry.email),
    ] {
        check.unless(
            !schedule.is_empty()
                && schedule
                    .iter()
                    .all(|step| *step >= Duration::from_millis(1)),
            path,
            "must hold at least one duration, and none shorter than 1ms",
        );
    }
    let buckets = &config.metrics.buckets;
    check.unless(
        !buckets.is_empty() && buckets.windows(2).all(|pair| pair.first() < pair.last()),
        "metrics.buckets",
        "must hold at least one number, rising",
    );
}

fn retention(check: &mut Check<'_>, config: &Config) {
    let kept = &config.retention;
    for (path, time) in [
        ("retention.text", kept.text),
        ("retention.identity", kept.identity),
    ] {
        check.unless(
            time <= kept.facts,
            path,
            "must not be longer than retention.facts: with the facts everything of a job goes",
        );
    }
}

fn lists(check: &mut Check<'_>, config: &Config) {
    let agencies = |value: fn(&Agency) -> String| -> Vec<(String, String)> {
        let pair = |agency: &Agency| (agency.id.to_string(), value(agency));
        config.agency.iter().map(pair).collect()
    };
    if check.unique("agency", "id", &agencies(|agency| agency.id.to_string())) {
        let users = agencies(|agency| agency.broker_user().to_owned());
        check.unique("agency", "broker_user", &users);
    }
    if config.http.maskinporten.is_some() {
        let numbers = agencies(|agency| agency.org_number.to_string());
        check.unique("agency", "org_number", &numbers);
    }
    let names = |names: Vec<&str>| -> Vec<(String, String)> {
        let pair = |name: &str| (name.to_owned(), name.to_owned());
        names.into_iter().map(pair).collect()
    };
    let gateways = config
        .sms_gateway
        .iter()
        .map(|gateway| gateway.name.as_str());
    check.unique("sms_gateway", "name", &names(gateways.collect()));
    let relays = config.email_relay.iter().map(|relay| relay.name.as_str());
    check.unique("email_relay", "name", &names(relays.collect()));
}

fn window(check: &mut Check<'_>, path: &str, window: &Window) {
    if let Err(problem) = window.hours() {
        check.wrong(&format!("{path}.until"), problem.to_string());
    }
}

fn one_agency(check: &mut Check<'_>, config: &Config, agency: &Agency) {
    let path = format!("agency.{}", agency.id);
    check.unless(
        config.register.kind != RegisterKind::Krr || agency.legal_basis.is_some(),
        &format!("{path}.legal_basis"),
        "is required with register.kind = \"krr\": why the agency may look persons up",
    );
    check.unless(
        config.email_relay.is_empty() || agency.email_from.is_some(),
        &format!("{path}.email_from"),
        "is required when there is an [[email_relay]]",
    );
    check.unless(
        !agency.classes.is_empty(),
        &format!("{path}.classes"),
        "must hold letter, service_message or both",
    );
    if let Some(own) = &agency.window {
        window(check, &format!("{path}.window"), own);
    }
}

fn page(check: &mut Check<'_>, config: &Config) {
    let Some(page) = &config.page else { return };
    for (key, problem) in page.contradictions() {
        check.wrong(&format!("page.{key}"), problem);
    }
    let agency = config.agency.iter().find(|agency| agency.id == page.agency);
    let problem = match agency {
        None => "is the id of no [[agency]]",
        Some(agency) if !agency.classes.contains(&Class::ServiceMessage) => {
            "is an agency that may not send service messages, which the codes are"
        }
        Some(_) => return,
    };
    check.wrong("page.agency", problem);
}

fn one_gateway(check: &mut Check<'_>, gateway: &SmsGateway) {
    let path = format!("sms_gateway.{}", gateway.name);
    match &gateway.kind {
        GatewayKind::Json(json) => {
            for (list, problem) in statuses(json) {
                check.wrong(&format!("{path}.json.{list}"), problem);
            }
        }
        GatewayKind::Kannel => check.unless(
            matches!(gateway.auth, Auth::None | Auth::Basic { .. }),
            &format!("{path}.auth"),
            "kannel takes user and password; use kind basic or none",
        ),
    }
    if let Auth::Header { name, value } = &gateway.auth {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        check.unless(
            !name.is_empty() && name.bytes().all(token),
            &format!("{path}.auth.name"),
            "is no name of an HTTP header",
        );
        check.unless(
            !value.expose().chars().any(char::is_control),
            &format!("{path}.auth.value"),
            "has a line end or control character in it",
        );
    }
}

/// A status means one thing.
fn statuses(json: &JsonSms) -> Vec<(&'static str, String)> {
    let lists = [
        ("account", &json.account),
        ("later", &json.later),
        ("refused", &json.refused),
        ("unknown", &json.unknown),
    ];
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, list) in lists {
        for status in list {
            if !(200..=599).contains(status) {
                wrong.push((name, format!("{status} is no HTTP status of 200 to 599")));
            } else if !seen.insert(*status) {
                wrong.push((name, format!("{status} stands in more than one list")));
            }
        }
    }
    wrong
}

/// What works but deserves a second look.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut list = Vec::new();
    let mut warn = |odd: bool, text: &str| {
        if odd {
            list.push(text.to_owned());
        }
    };
    let (recovery, dispatch) = (&config.recovery, &config.dispatch);
    warn(
        recovery.unknown_sms < dispatch.sms_deadline,
        "recovery.unknown_sms is shorter than dispatch.sms_deadline: a dead worker's try may still be on the wire when the next one starts",
    );
    warn(
        recovery.unknown_email < dispatch.email_deadline,
        "recovery.unknown_email is shorter than dispatch.email_deadline: a dead worker's try may still be on the wire when the next one starts",
    );
    warn(
        config.agency.is_empty(),
        "there is no [[agency]]: nobody can enqueue a job",
    );
    warn(
        config.sms_gateway.is_empty() && config.email_relay.is_empty(),
        "there is neither an [[sms_gateway]] nor an [[email_relay]]: nothing can be sent",
    );
    warn(
        config.register.allow_synthetic && config.register.kind == RegisterKind::Krr,
        "register.allow_synthetic refuses real identity numbers: for tests only",
    );
    warn(
        config.amqp.is_some() && config.database.url.kind() == DatabaseKind::Sqlite,
        "database.url is SQLite: one worker only, on this machine",
    );
    for gateway in &config.sms_gateway {
        let text = format!(
            "sms_gateway.{}.url is http to another machine: phone numbers and texts cross the network in the clear",
            gateway.name
        );
        warn(gateway.url.is_exposed(), &text);
    }
    for relay in &config.email_relay {
        let text = format!(
            "email_relay.{}.url does not require TLS; add ?tls=required",
            relay.name
        );
        warn(relay.url.is_exposed(), &text);
    }
    list
}
