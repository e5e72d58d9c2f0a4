//! Keeps the direction of the dependencies: reads `src/**/*.rs` and holds it against the table in
//! `src/lib.rs`. Every finding says which file, which rule, and what to do.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/sources.rs"]
mod sources;
#[path = "architecture/tokens.rs"]
mod tokens;

use std::collections::BTreeSet;
use std::path::Path;

use layers::Layers;
use rules::MAX_LINES;
use sources::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn layers() -> Layers {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    Layers::from_table(&lib).unwrap()
}

fn report(findings: &[String]) {
    assert!(findings.is_empty(), "\n\n{}\n", findings.join("\n\n"));
}

/// What the rules say about one file that is not there.
fn findings_in(path: &str, text: &str) -> Vec<String> {
    let source = Source::new(path, text);
    let mut findings = rules::directions(&source, &layers());
    findings.extend(rules::drivers(&source));
    findings.extend(rules::purity(&source));
    findings.extend(rules::shape(&source));
    findings
}

#[test]
fn every_file_names_only_what_its_layer_may_name() {
    let layers = layers();
    let findings: Vec<String> = sources::all(root())
        .iter()
        .flat_map(|source| rules::directions(source, &layers))
        .collect();
    report(&findings);
}

#[test]
fn every_module_of_the_crate_stands_in_the_table_of_layers() {
    let layers = layers();
    let lib = Source::read(root(), &root().join("src/lib.rs"));
    let declared: BTreeSet<String> = lib.declared_modules().into_iter().collect();
    let listed: BTreeSet<String> = layers.names().map(str::to_owned).collect();
    assert_eq!(
        declared, listed,
        "src/lib.rs: the modules (left) and the rows of its table (right) differ; add the missing row or module"
    );
}

#[test]
fn drivers_are_named_only_where_they_are_wrapped() {
    let findings: Vec<String> = sources::all(root())
        .iter()
        .flat_map(rules::drivers)
        .collect();
    report(&findings);
}

#[test]
fn the_domain_is_pure_and_the_pipeline_asks_its_ports_for_time_and_chance() {
    let findings: Vec<String> = sources::all(root())
        .iter()
        .flat_map(rules::purity)
        .collect();
    report(&findings);
}

#[test]
fn files_stay_readable_and_mod_files_only_list() {
    let findings: Vec<String> = sources::all(root()).iter().flat_map(rules::shape).collect();
    report(&findings);
}

#[test]
fn both_stores_have_the_same_files_and_the_same_migrations() {
    let mut findings = rules::same_names(
        &root().join("src/adapters/postgres"),
        &root().join("src/adapters/sqlite"),
        "rs",
    );
    findings.extend(rules::same_names(
        &root().join("migrations/postgres"),
        &root().join("migrations/sqlite"),
        "sql",
    ));
    report(&findings);
}

#[test]
fn a_violation_is_found_however_it_is_written() {
    for (path, text) in [
        ("src/domain/job.rs", "use crate::adapters::smtp::Relay;"),
        (
            "src/domain/job.rs",
            "use crate::{domain::ids, adapters::{smtp::Relay, sms}};",
        ),
        (
            "src/domain/job/text.rs",
            "use super::super::super::adapters as out;",
        ),
        ("src/domain/mod.rs", "pub use super::pipeline;"),
        (
            "src/ports/store/mod.rs",
            "pub trait S { fn f(&self) -> crate::pipeline::Deps; }",
        ),
        (
            "src/pipeline/intake.rs",
            "fn f() { let c = budstikke::config::Config::default(); }",
        ),
        (
            "src/api/jobs.rs",
            "mod inner { use super::super::super::adapters::postgres; }",
        ),
        (
            "src/adapters/smtp/relay.rs",
            "use crate::adapters::sms::Gateway;",
        ),
        ("src/adapters/smtp/mod.rs", "use super::sms;"),
        (
            "src/sandbox/gateway.rs",
            "use crate::adapters::sms::client::Client;",
        ),
        ("src/app/wire.rs", "type Pool = sqlx::PgPool;"),
        ("src/cli/submit.rs", "use reqwest::Client;"),
        ("src/pipeline/wire.rs", "use ::lettre::Message;"),
        (
            "src/domain/time.rs",
            "use std::time::{Duration, SystemTime};",
        ),
        ("src/domain/time.rs", "async fn f() {}"),
        ("src/domain/time.rs", "fn f() { tracing::info!(\"x\"); }"),
        ("src/pipeline/claim.rs", "use tokio::time::sleep;"),
        ("src/pipeline/claim.rs", "use tokio::{sync, time};"),
        ("src/pipeline/claim.rs", "fn f() -> f64 { rand::random() }"),
        ("src/ports/store/mod.rs", "fn helper() {}"),
    ] {
        assert!(
            !findings_in(path, text).is_empty(),
            "not found in {path}: {text}"
        );
    }
    let long = "//! Long.\n".repeat(MAX_LINES + 1);
    assert_eq!(findings_in("src/pipeline/claim.rs", &long).len(), 1);
}

#[test]
fn what_is_allowed_is_not_found() {
    for (path, text) in [
        (
            "src/domain/job.rs",
            "use super::ids::JobName; use crate::domain::{ids, time};",
        ),
        (
            "src/domain/job.rs",
            "//! Unlike [`crate::adapters`] and `lapin::Channel`.\nconst A: &str = \"crate::adapters sqlx::query\";",
        ),
        (
            "src/domain/job.rs",
            "/* crate::api /* nested */ tokio::spawn */ const Q: &str = r#\"\"sqlx::x\"\"#;",
        ),
        (
            "src/domain/job.rs",
            "fn quote(c: char) -> bool { c == '\"' || c == '\\'' }\nfn life<'a>(x: &'a str) -> &'a str { x }",
        ),
        (
            "src/pipeline/claim.rs",
            "#[cfg(test)]\nmod tests { use crate::adapters::sqlite::Store; use tokio::time::sleep; }",
        ),
        (
            "src/pipeline/claim/tests.rs",
            "use crate::adapters::sqlite::Store;",
        ),
        (
            "src/adapters/smtp/relay.rs",
            "use lettre::Message; use crate::config::Relay; use super::wire; use crate::adapters::smtp::classify;",
        ),
        (
            "src/adapters/sms/mod.rs",
            "pub mod json; pub type Hook = fn(u32) -> u32;",
        ),
        (
            "src/sandbox/gateway.rs",
            "use crate::adapters::sms::json::wire::Answer; use axum::Router;",
        ),
        ("src/cli/serve.rs", "use crate::{app, config};"),
        ("src/main.rs", "use budstikke::cli; fn main() {}"),
        (
            "src/pipeline/names.rs",
            "fn f(lapin: u32) -> u32 { lapin } use crate::telemetry::names::sqlx;",
        ),
    ] {
        assert_eq!(
            findings_in(path, text),
            Vec::<String>::new(),
            "{path}: {text}"
        );
    }
}
