//! Tables merge, a list replaces a list, entries merge by id or name.

use std::time::Duration;

use super::{OSLO, PRIMARY, good, wrong};
use crate::config::sms_gateway::Auth;

#[test]
fn tables_merge_and_a_list_replaces_a_list() {
    let config = good(
        &[
            "[retry]\nsms = [\"1s\"]\n[http]\nlisten = \"127.0.0.1:1\"",
            "[http]\nbody_limit = 1024",
        ],
        &[],
    );
    assert_eq!(config.retry.sms, [Duration::from_secs(1)]);
    assert_eq!(config.retry.email.len(), 5);
    assert_eq!(config.http.listen.port(), 1);
    assert_eq!(config.http.body_limit.0, 1024);
}

#[test]
fn entries_merge_by_id_or_name_and_others_are_added_in_order() {
    let second = r#"
        [[agency]]
        id = "oslo"
        weight = 3
        [[agency]]
        id = "bergen"
        name = "Bergen kommune"
        org_number = "964338531"
        kind = "municipality"
        [[sms_gateway]]
        name = "primary"
        rate = 10
    "#;
    let config = good(&[&format!("{OSLO}{PRIMARY}"), second], &[]);
    let agencies: Vec<_> = config
        .agency
        .iter()
        .map(|a| (a.id.as_str(), a.weight))
        .collect();
    assert_eq!(agencies, [("oslo", 3), ("bergen", 1)]);
    assert_eq!(config.agency[0].name, "Oslo kommune");
    assert_eq!(config.sms_gateway.len(), 1);
    assert!((config.sms_gateway[0].rate - 10.0).abs() < f64::EPSILON);
    assert_eq!(config.sms_gateway[0].concurrency, 64);
}

#[test]
fn the_same_id_twice_in_one_file_is_a_mistake_and_not_a_merge() {
    insta::assert_snapshot!(wrong(&[&format!("{OSLO}{OSLO}")], &[]), @"the configuration is wrong: agency.oslo.id (in a.toml): `oslo` stands in more than one [[agency]]");
}

#[test]
fn another_kind_of_auth_leaves_nothing_of_the_first_behind() {
    let first = format!("{PRIMARY}auth = {{ kind = \"bearer\", token = \"t\" }}");
    let second = "[[sms_gateway]]\nname = \"primary\"\nauth = { kind = \"none\" }";
    assert_eq!(good(&[&first, second], &[]).sms_gateway[0].auth, Auth::None);
    let same = "[[sms_gateway]]\nname = \"primary\"\nauth = { token = \"u\" }";
    let Auth::Bearer { token } = &good(&[&first, same], &[]).sms_gateway[0].auth else {
        panic!("the kind stays");
    };
    assert_eq!(token.expose(), "u");
}

#[test]
fn a_heartbeat_that_nobody_chose_follows_worker_dead() {
    let config = good(
        &["[recovery]\nworker_dead = \"2s\"\nunknown_sms = \"3s\""],
        &[],
    );
    assert_eq!(config.recovery.heartbeat, Duration::from_millis(500));
    assert!(
        config
            .warnings()
            .iter()
            .any(|text| text.contains("recovery.unknown_sms"))
    );
}

#[test]
fn an_agency_has_its_own_window_or_the_general_one() {
    let config = good(
        &[&format!(
            "{OSLO}window = {{ from = \"08:00\", until = \"20:00\" }}"
        )],
        &[],
    );
    let window = config.agency[0].window_or(&config.window);
    assert_eq!((window.from.hour(), window.until.hour()), (8, 20));
    assert!(window.working_days_only);
    let config = good(&[OSLO], &[]);
    assert_eq!(config.agency[0].window_or(&config.window), &config.window);
    assert_eq!(
        (
            config.agency[0].broker_user(),
            config.agency[0].sms_sender()
        ),
        ("oslo", "oslo".to_owned())
    );
}

#[test]
fn a_relay_and_a_gateway_of_the_same_name_are_told_apart() {
    let named = |kind: &str, url: &str, names: &[&str]| -> String {
        let entry = |name: &&str| format!("[[{kind}]]\nname = \"{name}\"\nurl = \"{url}\"\n");
        names.iter().map(entry).collect()
    };
    let gateways = |names| named("sms_gateway", "http://127.0.0.1:1", names);
    let relays = |names| named("email_relay", "smtp://127.0.0.1:1", names);
    let known = |text: &str| {
        let config = good(&[text], &[]);
        let relays = config.email_relay.iter();
        relays
            .map(|relay| config.known_as(relay))
            .collect::<Vec<_>>()
    };
    let text = gateways(&["one", "two"]) + &relays(&["two", "three"]);
    assert_eq!(known(&text), ["two-email", "three"]);
    let text = gateways(&["one"]) + &relays(&["one", "one-email"]);
    assert_eq!(known(&text), ["one-email-email", "one-email"]);
}
