//! The configuration that `docker compose up` runs with is one that the program takes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use budstikke::config::Config;

/// A copy of the script's folder, so that the secrets made here are nobody else's.
fn made_secrets(root: &Path, home: &Path) -> PathBuf {
    std::fs::create_dir(home.join("scripts")).unwrap();
    let script = home.join("scripts/compose-secrets");
    std::fs::copy(root.join("scripts/compose-secrets"), &script).unwrap();
    let made = Command::new("bash").arg(&script).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    home.join("secrets")
}

#[test]
fn the_program_takes_the_configuration_and_the_secrets_of_compose() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = tempfile::tempdir().unwrap();
    let secrets = made_secrets(root, home.path());
    let path = root.join("config/compose.toml");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("/run/secrets", secrets.to_str().unwrap());
    let config = match Config::from_texts(&[(path, text)], Vec::new()) {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(config.agency.len(), 1);
    // The stand-ins for the outside are the only thing to be warned of.
    for warning in config.warnings() {
        assert!(
            warning.starts_with("sms_gateway.sandbox.url")
                || warning.starts_with("email_relay.mail.url"),
            "{warning}"
        );
    }
    let url = std::fs::read_to_string(secrets.join("database_url")).unwrap();
    assert!(
        !config.masked_toml().contains(&url),
        "the printed configuration shows the database's password"
    );
}
