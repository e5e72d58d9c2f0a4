//! `budstikke register serve`: the table as a register for other installations.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::command::Serve;
use crate::adapters::access::{AccessChecker, AccessSettings};
use crate::adapters::jose::wire::SigningKey;
use crate::adapters::local_register::serve::{Admission, RegisterServer, ServeSettings, Signer};
use crate::app::{build, process};
use crate::cli::args::Global;
use crate::cli::context::{EXIT_CONFIG, Failure, load, note, say_json};
use crate::config::log::LogFormat;
use crate::config::register_serve::RegisterServe;
use crate::ports::clock::Clock;
use crate::telemetry::logging::{self, Format};

/// How long the issuer's keys may take.
const KEYS_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the command until a signal asks for the end.
///
/// # Errors
/// [`Failure`].
pub async fn run(serve: &Serve, global: &Global) -> Result<ExitCode, Failure> {
    let config = load(global)?;
    let ours = &config.register.serve;
    let listen = serve.listen.unwrap_or(ours.listen);
    if let Err(problem) = check(ours, listen) {
        note(format!("error: {problem}"));
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    let format = match config.log.format {
        LogFormat::Text => Format::text(),
        LogFormat::Json => Format::Json,
    };
    logging::init(format, config.log.filter.as_str()).context("cannot start the log")?;
    let clock = build::clock();
    let store = build::store(&config, clock.clone(), build::Opening::Shared).await?;
    let admission = admission(ours, &clock)?;
    let settings = ServeSettings {
        store,
        clock,
        admission,
        signer: signer(ours).context("register.serve.key")?,
    };
    let server = RegisterServer::start(listen, settings)
        .await
        .with_context(|| format!("the register cannot listen on {listen}"))?;
    let url = format!("http://{}", server.address());
    if global.json {
        say_json(&json!({"url": url}));
    } else {
        note(format!("register: {url}"));
    }
    process::asked_to_stop().await;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// What would let persons' addresses out.
fn check(ours: &RegisterServe, listen: SocketAddr) -> Result<(), String> {
    let Some(issuer) = &ours.maskinporten else {
        if listen.ip().is_loopback() {
            return Ok(());
        }
        return Err(format!(
            "{listen} is reachable from other machines, and everybody's addresses would be open to \
             whoever connects; set [register.serve.maskinporten], or listen on 127.0.0.1"
        ));
    };
    if !issuer.issuer.expose().ends_with('/') {
        return Err(
            "register.serve.maskinporten.issuer must end with a slash, as Maskinporten writes it"
                .to_owned(),
        );
    }
    let keys = issuer.jwks_url.as_ref().unwrap_or(&issuer.issuer);
    if keys.is_exposed() {
        return Err(
            "register.serve.maskinporten: the keys would come by http from another machine, and \
             anybody on the way could put keys of their own there; use https"
                .to_owned(),
        );
    }
    Ok(())
}

fn admission(ours: &RegisterServe, clock: &Arc<dyn Clock>) -> anyhow::Result<Admission> {
    const SETTING: &str = "register.serve.maskinporten.jwks_url";
    let Some(issuer) = &ours.maskinporten else {
        return Ok(Admission::Anybody);
    };
    let name = issuer.issuer.expose();
    let keys = issuer.jwks_url.as_ref();
    let keys = keys.map_or_else(|| format!("{name}jwk"), |url| url.expose().to_owned());
    let settings = AccessSettings {
        issuer: name.to_owned(),
        scope: String::new(),
        audience: issuer.audience.clone(),
        keys: keys.parse().context(SETTING)?,
        timeout: KEYS_TIMEOUT,
    };
    let checker = AccessChecker::with_setting(SETTING, settings, Arc::clone(clock))
        .map_err(|error| anyhow!(error).context(SETTING))?;
    Ok(Admission::Tokens(Arc::new(checker)))
}

fn signer(ours: &RegisterServe) -> anyhow::Result<Option<Signer>> {
    if ours.key.is_empty() {
        return Ok(None);
    }
    let key = SigningKey::from_pem(ours.key.expose())
        .map_err(|problem| anyhow!("the key (key_file or key) {problem}"))?;
    Ok(Some(Signer::new(key, ours.key_id.clone())))
}
