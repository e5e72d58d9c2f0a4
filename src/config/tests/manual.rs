//! `config/default.toml` is the manual: it loads, names every setting, and tells the truth.

use std::collections::BTreeSet;

use super::super::root::DEFAULTS;
use super::{Config, OSLO, PRIMARY, good, load};
use crate::config::database::Database;
use crate::config::reader::Setting;
use crate::domain::event::EventFilter;
use crate::domain::kinds::Class;

/// The manual with its examples switched on, and no file to read a key from.
fn examples() -> String {
    let is_setting = |rest: &str| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase());
    let lines = DEFAULTS.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if is_setting(rest) => rest,
        Some(_) | None => line,
    });
    let text: Vec<&str> = lines.collect();
    text.join("\n")
        .replace("key_file = \"maskinporten.pem\"", "key = \"PEM\"")
        .replace("key_file = \"idporten.pem\"", "key = \"PEM\"")
}

fn shown(config: &Config) -> toml::Value {
    config.show().unwrap()
}

/// Every path of a tree; entries of a list of tables have the list's path.
fn paths(value: &toml::Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = format!("{at}.{key}");
                into.insert(path.clone());
                paths(value, &path, into);
            }
        }
        toml::Value::Array(list) => list.iter().for_each(|entry| paths(entry, at, into)),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

fn paths_of(value: &toml::Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    paths(value, "", &mut all);
    all
}

#[test]
fn the_defaults_alone_are_a_configuration() {
    let config = good(&[], &[]);
    assert!(config.amqp.is_none());
    assert!(config.agency.is_empty() && config.sms_gateway.is_empty());
    assert_eq!(config.http.body_limit.0, 8 << 20);
    assert_eq!(config.retention.facts.as_secs(), 396 * 86_400);
}

#[test]
fn the_examples_of_the_manual_are_a_configuration_and_name_every_setting() {
    let manual = examples();
    let config = good(&[&manual], &[]);
    let written = paths_of(&toml::from_str(&manual).unwrap());
    let known = paths_of(&shown(&config));
    let forgotten: Vec<_> = known.difference(&written).collect();
    assert!(forgotten.is_empty(), "not in the manual: {forgotten:?}");
    let hidden: Vec<_> = written.difference(&known).collect();
    assert!(
        hidden.is_empty(),
        "in the manual, but of no effect: {hidden:?}"
    );
}

#[test]
fn every_setting_of_the_manual_has_an_example_so_that_no_option_hides_from_the_walk() {
    let text = format!("{:?}", good(&[&examples()], &[]));
    let absent: Vec<_> = text
        .match_indices("None")
        .map(|(at, _)| &text[at.saturating_sub(40)..at])
        .collect();
    // The only `None` of the examples is the first gateway's `auth = { kind = "none" }`.
    assert_eq!(absent.len(), 1, "{absent:?}");
    assert!(absent[0].ends_with("auth: "), "{absent:?}");
}

#[test]
fn behind_every_commented_setting_stands_the_value_that_holds_without_it() {
    let krr = "[register.krr.maskinporten]\nclient_id = \"c\"\nkey = \"k\"";
    let amqp = "[amqp]\nurl = \"amqp://budstikke:secret@127.0.0.1:5672/%2f\"";
    let relay = "[[email_relay]]\nname = \"relay\"\nurl = \"smtp://127.0.0.1:2525\"";
    let oslo = format!("{OSLO}email_from = \"a@b.no\"\n[agency.window]");
    let kannel = "[[sms_gateway]]\nname = \"kannel\"\nkind = \"kannel\"\nurl = \"http://a\"";
    let page = "[page]\npublic_url = \"https://minside.oslo.example\"\nagency = \"oslo\"\n[page.idporten]\nclient_id = \"c\"\nkey = \"k\"";
    let least = [page, krr, amqp, relay, &oslo, PRIMARY, kannel].join("\n");
    let least = shown(&good(&[&least], &[]));
    let manual = shown(&good(&[&examples()], &[]));
    let required = ["client_id", "key", "url", "id", "email_from", "auth"];
    compare(&least, &manual, "", &required);
}

fn compare(least: &toml::Value, manual: &toml::Value, at: &str, required: &[&str]) {
    match (least, manual) {
        (toml::Value::Table(least), toml::Value::Table(manual)) => {
            for (key, value) in least
                .iter()
                .filter(|(key, _)| !required.contains(&key.as_str()))
            {
                compare(value, &manual[key], &format!("{at}.{key}"), required);
            }
        }
        (toml::Value::Array(least), toml::Value::Array(manual)) => {
            assert_eq!(least.len(), manual.len(), "{at}");
            for (least, manual) in least.iter().zip(manual) {
                compare(least, manual, at, required);
            }
        }
        (least, manual) => assert_eq!(least, manual, "{at}"),
    }
}

#[test]
fn the_contracts_example_loads_as_it_is() {
    let config = good(&[CONTRACT], &[]);
    let agency = &config.agency[0];
    assert_eq!(agency.id.as_str(), "oslo");
    assert_eq!(agency.classes, Class::ALL);
    assert_eq!(agency.legal_basis, None);
    assert_eq!(agency.events, EventFilter::ALL);
    assert_eq!(
        agency.email_from.as_ref().unwrap().address(),
        "varsel@oslo.example"
    );
    assert_eq!(config.sms_gateway[0].kind.as_str(), "json");
    assert_eq!(config.email_relay[0].url.port, 2525);
    assert_eq!(config.recovery.worker_dead.as_secs(), 20);
    assert!(config.amqp.is_some() && config.register.krr.is_some());
    assert_eq!(
        config.warnings(),
        ["database.url is SQLite: one worker only, on this machine"]
    );
}

#[test]
fn the_effective_configuration_loads_again_as_what_it_was() {
    let config = good(&[&examples()], &[]);
    let again = load(&[&config.masked_toml()], &[]).unwrap();
    assert_eq!(shown(&again), shown(&config));
    assert!(config.masked_toml().contains("[database]"));
}

#[test]
fn nothing_is_known_to_a_section_that_its_manual_does_not_explain() {
    let mut above = "";
    let mut blind = Vec::new();
    for line in DEFAULTS.lines() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        let is_setting = setting.starts_with(|c: char| c.is_ascii_lowercase());
        if is_setting && above.is_empty() {
            blind.push(line);
        }
        above = line;
    }
    assert!(blind.is_empty(), "{blind:?}");
    assert!(
        Database::absent().is_none(),
        "defaults of sections stand in the manual only"
    );
}

const CONTRACT: &str = r#"
[database]
url = "sqlite://budstikke.db"          # default; or postgres://user:password@host/name

[amqp]                                  # absent: no broker, HTTP intake only
url = "amqp://budstikke:secret@127.0.0.1:5672/%2f"      # amqps:// for TLS

[http]
listen = "127.0.0.1:8080"

[register]
kind = "local"                          # or "krr"
allow_synthetic = false                 # true: synthetic identity numbers are accepted (test); real ones are then refused
[register.krr]
url = "https://test.kontaktregisteret.no"
[register.krr.maskinporten]
issuer = "https://test.maskinporten.no/"
client_id = "…"
key_file = "maskinporten.pem"
scope = "krr:global/kontaktinformasjon.read"

[recovery]
worker_dead = "20s"                     # a worker without a heartbeat for so long is dead; what it held without an open intent goes on at once
unknown_sms = "10m"                     # how long an unknown try waits for a receipt before if_uncertain decides
unknown_email = "15m"

[retry]
sms = ["30s", "1m", "2m", "5m", "15m"]  # full jitter up to each; the last repeats until the deadline
email = ["5m", "15m", "30m", "1h", "4h"]

[retention]
text = "7d"                             # after everything of the job is settled: texts, values, addresses
identity = "30d"
facts = "396d"                          # who ordered what and what became of it, and the idempotency hash

[[agency]]
id = "oslo"
name = "Oslo kommune"
org_number = "958935420"
kind = "municipality"                   # municipality | county | state | on_behalf
classes = ["letter", "service_message"] # default both
legal_basis = ""                        # required with register.kind = "krr"
municipality_number = "0301"            # what a street audience may reach
broker_user = "oslo"
sms_sender = "OsloKommune"
email_from = "Oslo kommune <varsel@oslo.example>"
weight = 1
urgent_per_hour = 600
events = ["*"]                          # which event types the agency wants, for example ["notification.*"]

[[sms_gateway]]
name = "primary"
kind = "json"                           # json | kannel | twilio | link | pswin | gatewayapi
url = "http://127.0.0.1:9009/sms"
auth = { kind = "none" }                # none | basic { user, password } | bearer { token } | header { name, value }
rate = 50.0                             # SMS parts per second, for the whole fleet
burst = 1
concurrency = 64                        # requests in flight, per process
weight = 1
receipt_token = ""                      # empty: receipts accepted from loopback only

[[email_relay]]
name = "relay"
url = "smtp://127.0.0.1:2525"           # smtp:// takes STARTTLS when offered, smtp://…?tls=required, smtps://
user = ""
password = ""
rate = 200.0                            # messages per second, for the whole fleet
connections = 16                        # per process
"#;
