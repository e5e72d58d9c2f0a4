//! Secrets never print, and may stand in files of their own.

use std::fs;

use super::{PRIMARY, good, wrong};
use crate::config::{Config, HttpUrl, Secret};

const SECRETS: &str = r#"
    [database]
    url = "postgres://budstikke:hunter2@db.example/budstikke?sslpassword=hunter2"
    [amqp]
    url = "amqps://budstikke:hunter2@mq.example/%2f"
    [http]
    bounce_token = "hunter2"
    [register]
    kind = "krr"
    allow_synthetic = true
    [register.krr.maskinporten]
    client_id = "c"
    key = "hunter2"
    [[sms_gateway]]
    name = "a"
    url = "https://sms.example/send?token=hunter2"
    auth = { kind = "basic", user = "u", password = "hunter2" }
    receipt_token = "hunter2"
    [[sms_gateway]]
    name = "b"
    url = "https://sms.example/"
    auth = { kind = "bearer", token = "hunter2" }
    [[sms_gateway]]
    name = "c"
    url = "https://sms.example/"
    auth = { kind = "header", name = "X-Key", value = "hunter2" }
    [[email_relay]]
    name = "r"
    url = "smtps://mail.example"
    user = "u"
    password = "hunter2"
"#;

#[test]
fn no_secret_is_printed() {
    let config = good(&[SECRETS], &[]);
    assert_eq!(config.database.url.expose().matches("hunter2").count(), 2);
    for text in [config.masked_toml(), format!("{config:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("postgres://budstikke:***@db.example/budstikke?sslpassword=***"));
    }
    let secret = Secret::new("hunter2".to_owned());
    assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    let urls: &HttpUrl = &config.sms_gateway[0].url;
    assert_eq!(urls.to_string(), "https://sms.example/send?token=***");
}

#[test]
fn a_url_whose_password_is_not_escaped_is_refused_without_being_quoted() {
    let text =
        "[database]\nurl = \"postgres://u:hunter2/@db/x\"\n[amqp]\nurl = \"amqp://u:hun@ter2@mq\"";
    insta::assert_snapshot!(wrong(&[text], &[]), @"
the configuration has 2 problems:
  - amqp.url (in a.toml): has a `@`, `/` or `?` in user or password; write them as %40, %2F and %3F
  - database.url (in a.toml): has a `@`, `/` or `?` in user or password; write them as %40, %2F and %3F
    ");
}

#[test]
fn a_secret_may_stand_in_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "t 1\r\n").unwrap();
    fs::write(folder.path().join("url"), "postgres://u:p@db/x\n").unwrap();
    let main = folder.path().join("budstikke.toml");
    let text = format!("[database]\nurl_file = \"url\"\n{PRIMARY}receipt_token_file = \"token\"");
    fs::write(&main, text).unwrap();
    let config = Config::load(&[main], []).unwrap();
    assert_eq!(config.sms_gateway[0].receipt_token.expose(), "t 1");
    assert_eq!(config.database.url.expose(), "postgres://u:p@db/x");
}

#[test]
fn the_later_layer_decides_whether_a_secret_stands_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "from the file\n").unwrap();
    let variable = ("BUDSTIKKE__HTTP__BOUNCE_TOKEN_FILE", file.to_str().unwrap());
    let config = good(&["[http]\nbounce_token = \"written\""], &[variable]);
    assert_eq!(config.http.bounce_token.expose(), "from the file");
    let missing = "[http]\nbounce_token_file = \"/nowhere\"";
    let config = good(&[missing, "[http]\nbounce_token = \"written\""], &[]);
    assert_eq!(config.http.bounce_token.expose(), "written");
}

#[test]
fn a_secret_given_twice_or_in_a_missing_file_is_a_finding() {
    let text = "[http]\nbounce_token = \"a\"\nbounce_token_file = \"b\"\n[database]\nurl_file = \"/nowhere/url\"";
    insta::assert_snapshot!(wrong(&[text], &[]), @"
the configuration has 2 problems:
  - database.url_file (in a.toml): cannot read the file /nowhere/url: No such file or directory (os error 2)
  - http.bounce_token_file (in a.toml): is given as `bounce_token` and as `bounce_token_file`; keep one
    ");
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_no_secret() {
    let said = wrong(&["[http]\nbounce_token_file = \"/dev/zero\""], &[]);
    assert!(said.contains("/dev/zero is longer than 64 KiB"), "{said}");
}
