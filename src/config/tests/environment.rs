//! `BUDSTIKKE__SECTION__KEY`.

use std::time::Duration;

use super::{OSLO, PRIMARY, good, wrong};
use crate::config::sms_gateway::Auth;

#[test]
fn the_type_of_the_setting_decides_how_a_value_is_read() {
    let config = good(
        &[&format!("{OSLO}{PRIMARY}")],
        &[
            ("BUDSTIKKE__HTTP__LISTEN", "0.0.0.0:9000"),
            ("BUDSTIKKE__DATABASE__MAX_CONNECTIONS", "7"),
            ("BUDSTIKKE__REGISTER__ALLOW_SYNTHETIC", "true"),
            ("BUDSTIKKE__RETRY__SMS", "1s, 2m"),
            ("BUDSTIKKE__HTTP__BOUNCE_TOKEN", "10"),
            ("BUDSTIKKE__SMS_GATEWAY__PRIMARY__RATE", "5"),
            ("BUDSTIKKE__SMS_GATEWAY__PRIMARY__AUTH__KIND", "basic"),
            ("BUDSTIKKE__SMS_GATEWAY__PRIMARY__AUTH__USER", "u"),
            ("BUDSTIKKE__SMS_GATEWAY__PRIMARY__AUTH__PASSWORD", "0010"),
            (
                "BUDSTIKKE__AGENCY__OSLO__EVENTS",
                "job.*,notification.failed",
            ),
            ("BUDSTIKKE__AGENCY__OSLO__CLASSES", "letter"),
        ],
    );
    assert_eq!(config.http.listen.port(), 9000);
    assert_eq!(config.database.max_connections, 7);
    assert!(config.register.allow_synthetic);
    assert_eq!(
        config.retry.sms,
        [Duration::from_secs(1), Duration::from_secs(120)]
    );
    assert_eq!(config.http.bounce_token.expose(), "10");
    let Auth::Basic { user, password } = &config.sms_gateway[0].auth else {
        panic!("kind basic");
    };
    assert_eq!((user.as_str(), password.expose()), ("u", "0010"));
    assert_eq!(config.agency[0].classes.len(), 1);
}

#[test]
fn variables_of_others_and_the_api_key_are_no_settings() {
    let config = good(
        &[],
        &[
            ("BUDSTIKKE_API_KEY", "x"),
            ("PATH", "/bin"),
            ("BUDSTIKKE", "y"),
        ],
    );
    assert!(config.agency.is_empty());
}

#[test]
fn an_entry_is_found_by_its_name_with_underscores_for_dashes_whatever_its_capitals() {
    let gateway = "[[sms_gateway]]\nname = \"Link-North\"\nurl = \"http://127.0.0.1/\"";
    let config = good(
        &[gateway],
        &[("BUDSTIKKE__SMS_GATEWAY__LINK_NORTH__BURST", "4")],
    );
    assert_eq!(config.sms_gateway.len(), 1);
    assert_eq!(config.sms_gateway[0].name.as_str(), "Link-North");
    assert_eq!(config.sms_gateway[0].burst, 4);
}

#[test]
fn an_entry_can_be_made_of_variables_alone() {
    let url = ("BUDSTIKKE__EMAIL_RELAY__RELAY__URL", "smtps://mail.example");
    let config = good(&[], &[url]);
    assert_eq!(config.email_relay[0].name.as_str(), "relay");
    assert_eq!(config.email_relay[0].url.port, 465);
    assert!(
        good(&[], &[("BUDSTIKKE__AMQP__URL", "amqp://localhost")])
            .amqp
            .is_some()
    );
}

#[test]
fn mistakes_name_the_variable() {
    insta::assert_snapshot!(wrong(&[PRIMARY], &[
        ("BUDSTIKKE__HTTP__LISTN", "127.0.0.1:1"),
        ("BUDSTIKKE__DATABASE__MAX_CONNECTIONS", "many"),
        ("BUDSTIKKE__RETRY__SMS", "1s,soon"),
        ("BUDSTIKKE__SMS_GATEWAY__PRIMARI__RATE", "1"),
        ("BUDSTIKKE__HTTP", "1"),
        ("BUDSTIKKE____X", "1"),
        ("BUDSTIKKE__NOWHERE__DEEP__KEY", "1"),
    ]), @r#"
    the configuration has 7 problems:
      - .x (in the environment variable BUDSTIKKE____X): is no setting; write BUDSTIKKE__SECTION__KEY with two underscores between names
      - database.max_connections (in the environment variable BUDSTIKKE__DATABASE__MAX_CONNECTIONS): expected a whole number of 0 or more, found other text
      - http (in the environment variable BUDSTIKKE__HTTP): expected a table, found other text
      - http.listn (in the environment variable BUDSTIKKE__HTTP__LISTN): another variable gives the setting above it a value of its own; keep one
      - nowhere (in the environment variable BUDSTIKKE__NOWHERE__DEEP__KEY): unknown key; the nearest known key is `email_relay`
      - retry.sms[#2] (in the environment variable BUDSTIKKE__RETRY__SMS): expected a duration such as "250ms", "30s", "10m" or "7d", found other text
      - sms_gateway.primari.url (in the environment variable BUDSTIKKE__SMS_GATEWAY__PRIMARI__RATE): is missing; it has no default
    "#);
}
