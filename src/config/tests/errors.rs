//! What an operator reads: everything at once, each with its path, its place and what to do.

use super::{OSLO, PRIMARY, wrong};
use crate::config::Config;

#[test]
fn an_unknown_key_is_named_with_its_path_its_file_and_the_nearest_known_key() {
    insta::assert_snapshot!(wrong(&["[http]\nlissten = \"127.0.0.1:1\""], &[]), @"the configuration is wrong: http.lissten (in a.toml): unknown key; the nearest known key is `listen`");
    insta::assert_snapshot!(wrong(&["[htp]\nlisten = \"127.0.0.1:1\""], &[]), @"the configuration is wrong: htp (in a.toml): unknown key; the nearest known key is `http`");
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    insta::assert_snapshot!(wrong(&[r#"
        agency = "oslo"
        [http]
        listen = "localhost"
        body_limit = "8 megabytes"
        request_timeout = 30
        [database]
        url = 5
        max_connections = "16"
        migrate = 1
        [register]
        kind = "freg"
        allow_synthetic = "yes"
        [retry]
        sms = ["30s", 60]
        [window]
        from = 09:00:00
        [dispatch]
        hold_per_channel = 1_000_000
        hold_for = "0s"
        [log]
        filter = "info,=x=y"
    "#], &[]), @r#"
    the configuration has 14 problems:
      - agency (in a.toml): expected a list, found a text
      - database.max_connections (in a.toml): expected a whole number of 0 or more, found a text
      - database.migrate (in a.toml): expected true or false, found a whole number
      - database.url (in a.toml): expected a text in quotes, found a whole number
      - dispatch.hold_for (in a.toml): must be 1s to 1h
      - dispatch.hold_per_channel (in a.toml): must be 1 to 100000
      - http.body_limit (in a.toml): expected a size such as "8 MiB", found a text
      - http.listen (in a.toml): expected an IP address and a port such as "127.0.0.1:8080" or "[::]:8080", found a text
      - http.request_timeout (in a.toml): expected a duration such as "250ms", "30s", "10m" or "7d", found a whole number
      - log.filter (in a.toml): is no log filter such as "info,sqlx=warn": invalid filter directive
      - register.allow_synthetic (in a.toml): expected true or false, found a text
      - register.kind (in a.toml): expected one of local, krr, found `freg`
      - retry.sms[#2] (in a.toml): expected a duration such as "250ms", "30s", "10m" or "7d", found a whole number
      - window.from (in a.toml): expected a time of day in quotes such as "09:00", found a date or time without quotes
    "#);
}

#[test]
fn an_agency_is_checked_field_by_field() {
    insta::assert_snapshot!(wrong(&[r#"
        [[agency]]
        id = "Oslo"
        name = "Oslo kommune"
        org_number = "958935421"
        kind = "city"
        classes = ["letter", "advert"]
        municipality_number = "301"
        sms_sender = "Oslo kommune"
        email_from = "Oslo kommune"
        weight = 0
        events = ["letters.*"]
        window = { from = "17:00", till = "09:00" }
        [[agency]]
        weight = 1
    "#], &[]), @r#"
    the configuration has 14 problems:
      - agency.Oslo.classes[#2] (in a.toml): expected one of letter, service_message, found `advert`
      - agency.Oslo.email_from (in a.toml): is no e-mail sender; write "Name <address@host>" or "address@host"
      - agency.Oslo.events (in a.toml): `letters.*` matches no event type; use "*", "job.*", "notification.*" or a type such as "job.finished"
      - agency.Oslo.id (in a.toml): must be 2 to 31 characters a-z, 0-9 and -, starting with a letter
      - agency.Oslo.kind (in a.toml): expected one of municipality, county, state, on_behalf, found `city`
      - agency.Oslo.municipality_number (in a.toml): is no municipality number: four digits in quotes such as "0301"
      - agency.Oslo.org_number (in a.toml): has a check digit that does not fit the rest; a digit is wrong or two are swapped
      - agency.Oslo.sms_sender (in a.toml): is no SMS sender: up to 11 letters A-Z a-z and digits with at least one letter, or 3 to 15 digits
      - agency.Oslo.weight (in a.toml): must be 1 to 1000
      - agency.Oslo.window.till (in a.toml): unknown key; the nearest known key is `until`
      - agency[#2].id (in a.toml): is missing; it has no default
      - agency[#2].kind (in a.toml): is missing; it has no default
      - agency[#2].name (in a.toml): is missing; it has no default
      - agency[#2].org_number (in a.toml): is missing; it has no default
    "#);
}

#[test]
fn a_gateway_and_a_relay_are_checked_field_by_field() {
    insta::assert_snapshot!(wrong(&[r#"
        [[sms_gateway]]
        name = "a/b"
        kind = "twilio"
        url = "ftp://127.0.0.1/"
        auth = { kind = "basic", user = "u", token = "t" }
        rate = 0
        burst = 0
        concurrency = 0
        [[sms_gateway]]
        name = "second"
        url = "http://user:secret@127.0.0.1/"
        auth = { kind = "digest" }
        json = { from = 1 }
        [[sms_gateway]]
        name = "third"
        kind = "kannel"
        url = "http://127.0.0.1/"
        json = {}
        [[email_relay]]
        name = "relay"
        url = "smtp://mail.example?tls=maybe"
    "#], &[]), @"
    the configuration has 13 problems:
      - email_relay.relay.url (in a.toml): expected smtp://HOST:PORT, smtp://HOST:PORT?tls=required or smtps://HOST:PORT
      - sms_gateway.a/b.auth.password (in a.toml): is missing; it has no default
      - sms_gateway.a/b.auth.token (in a.toml): unknown key; the nearest known key is `user`
      - sms_gateway.a/b.burst (in a.toml): must be 1 to 100000
      - sms_gateway.a/b.concurrency (in a.toml): must be 1 to 10000
      - sms_gateway.a/b.kind (in a.toml): kind twilio is not available in this build; use json or kannel
      - sms_gateway.a/b.name (in a.toml): must be 1 to 40 characters A-Z a-z 0-9 - _
      - sms_gateway.a/b.rate (in a.toml): must be 0.001 to 1000000.0
      - sms_gateway.a/b.url (in a.toml): expected http://HOST/PATH or https://HOST/PATH
      - sms_gateway.second.auth.kind (in a.toml): expected one of none, basic, bearer, header, found `digest`
      - sms_gateway.second.json.from (in a.toml): expected a text in quotes, found a whole number
      - sms_gateway.second.url (in a.toml): holds a user; give user and password under `auth`
      - sms_gateway.third.json (in a.toml): belongs to kind json, but the gateway's kind is kannel
    ");
}

#[test]
fn what_contradicts_itself_is_found_where_it_was_written() {
    let text = format!(
        r#"{OSLO}window = {{ from = "17:00", until = "09:00" }}
        {OSLO}
        {PRIMARY}json = {{ later = [503, 99], unknown = [503] }}
        [[sms_gateway]]
        name = "kannel"
        kind = "kannel"
        url = "http://127.0.0.1/"
        auth = {{ kind = "bearer", token = "t" }}
        [[email_relay]]
        name = "relay"
        url = "smtp://127.0.0.1"
        user = "u"
        [recovery]
        heartbeat = "10s"
        unknown_sms = "20s"
        [dispatch]
        sms_deadline = "30s"
        slots_ahead = "1s"
        [retention]
        text = "500d"
        [retry]
        sms = []
        [metrics]
        buckets = [1.0, 0.5]
        [register]
        kind = "krr"
        allow_synthetic = true
        [register.krr.maskinporten]
        client_id = "c"
        key = "k"
    "#
    );
    insta::assert_snapshot!(wrong(&[&text], &[]), @r#"
    the configuration has 14 problems:
      - agency.oslo.email_from (in a.toml): is required when there is an [[email_relay]]
      - agency.oslo.id (in a.toml): `oslo` stands in more than one [[agency]]
      - agency.oslo.legal_basis (in a.toml): is required with register.kind = "krr": why the agency may look persons up
      - agency.oslo.window.until (in a.toml): a window must end later on the same day than it begins; 00:00 as its end is midnight
      - dispatch.slots_ahead (in a.toml): must not be longer than dispatch.slots_ahead_urgent, or urgent waits behind bulk
      - email_relay.relay (in a.toml): user and password belong together: give both or neither
      - metrics.buckets (in a.toml): must hold at least one number, rising
      - recovery.heartbeat (in a.toml): worker_dead must be at least three times heartbeat, or a living worker is taken for dead
      - recovery.unknown_sms (in a.toml): must not be shorter than dispatch.sms_deadline: the try may still be on the wire
      - retention.text (in a.toml): must not be longer than retention.facts: with the facts everything of a job goes
      - retry.sms (in a.toml): must hold at least one duration, and none shorter than 1ms
      - sms_gateway.kannel.auth (in a.toml): kannel takes user and password; use kind basic or none
      - sms_gateway.primary.json.later (in a.toml): 99 is no HTTP status of 200 to 599
      - sms_gateway.primary.json.unknown (in a.toml): 503 stands in more than one list
    "#);
}

#[test]
fn krr_must_be_described_to_be_used() {
    insta::assert_snapshot!(wrong(&["[register]\nkind = \"krr\""], &[]), @r#"the configuration is wrong: register.krr (in a.toml): is required with kind = "krr""#);
    insta::assert_snapshot!(wrong(&["[register]\nkind = \"krr\"\n[register.krr]"], &[]), @"the configuration is wrong: register.krr.maskinporten (in a.toml): is missing; it has no default");
}

#[test]
fn what_would_ask_the_wrong_register_or_let_numbers_out_is_refused() {
    let text = r#"
        [register]
        kind = "krr"
        [register.krr]
        answers = "jose"
        [register.krr.maskinporten]
        client_id = "c"
        key = "k"
        key_id = "1"
        certificate_file = "c.pem"
        issuer = "https://maskinporten.no"
        scope = "krr:global/digitalpost.read"
        consumer_org = "123"
    "#;
    insta::assert_snapshot!(wrong(&[text], &[]), @r#"the configuration is wrong: register.krr.maskinporten.consumer_org (in a.toml): is neither an organisation number (9 digits) nor "agency""#);
    let text = text.replace("consumer_org = \"123\"", "");
    insta::assert_snapshot!(wrong(&[&text], &[]), @r#"
    the configuration has 6 problems:
      - register.allow_synthetic (in a.toml): must be true with the register of the test environment: real identity numbers must not be sent there
      - register.krr.keys_url (in a.toml): is required with answers = "jose": nobody can be believed without the register's keys
      - register.krr.maskinporten.issuer (in a.toml): and register.krr.url are of different environments: one of test, one of production
      - register.krr.maskinporten.issuer (in a.toml): must end with a slash, as Maskinporten writes it
      - register.krr.maskinporten.key_id (in a.toml): and certificate_file are two ways to name one key; keep one
      - register.krr.maskinporten.scope (in a.toml): gives no addresses; it must hold krr:global/kontaktinformasjon.read, or krr:global/kontaktinfo.read for a supplier with consumer_org
    "#);
    let text = r#"
        [register]
        kind = "krr"
        allow_synthetic = true
        [register.krr]
        url = "https://kontaktregisteret.no"
        keys_url = "http://keys.example"
        [register.krr.maskinporten]
        client_id = "c"
        key = "k"
        issuer = "http://maskinporten.example/"
    "#;
    insta::assert_snapshot!(wrong(&[text], &[]), @"
    the configuration has 3 problems:
      - register.allow_synthetic (in a.toml): must be false with the register of production: it holds real persons only
      - register.krr.keys_url (in a.toml): is http to another machine: anybody on the way could put keys of their own there; use https
      - register.krr.maskinporten.issuer (in a.toml): is http to another machine: tokens would cross the network in the clear; use https
    ");
}

#[test]
fn a_file_that_is_no_toml_is_named_with_line_and_column_and_not_quoted() {
    insta::assert_snapshot!(
        wrong(&["[http]\nlisten = \"127.0.0.1:1\"\n[email]\npassword = hunter2"], &[]), @"the configuration is wrong: a.toml: is no TOML at line 4, column 12: string values must be quoted, expected literal string");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(&["/nowhere/budstikke.toml".into()], []).unwrap_err();
    insta::assert_snapshot!(error, @"the configuration is wrong: /nowhere/budstikke.toml: cannot be read: No such file or directory (os error 2)");
}
