//! What the configuration promises.

mod environment;
mod errors;
mod manual;
mod merging;
mod page;
mod secrets;

use super::{Config, ConfigError};

/// Loads texts as if they were files `a.toml`, `b.toml`, …, and variables.
fn load(texts: &[&str], env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let texts: Vec<_> = texts
        .iter()
        .zip(["a.toml", "b.toml", "c.toml"])
        .map(|(text, name)| (name.into(), (*text).to_owned()))
        .collect();
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_texts(&texts, env)
}

fn good(texts: &[&str], env: &[(&str, &str)]) -> Config {
    load(texts, env).unwrap()
}

fn wrong(texts: &[&str], env: &[(&str, &str)]) -> String {
    load(texts, env).unwrap_err().to_string()
}

/// The least that an agency needs.
const OSLO: &str = r#"
[[agency]]
id = "oslo"
name = "Oslo kommune"
org_number = "958935420"
kind = "municipality"
"#;

/// The least that a gateway needs.
const PRIMARY: &str = r#"
[[sms_gateway]]
name = "primary"
url = "http://127.0.0.1:9009/sms"
"#;
