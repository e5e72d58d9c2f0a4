//! `budstikke register serve`: the table as a register for other installations.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::command::Serve;
use crate::adapters::jose::wire::SigningKey;
use crate::adapters::local_register::serve::{Admission, RegisterServer, ServeSettings, Signer};
use crate::app::{build, process};
use crate::cli::args::Global;
use crate::cli::context::{EXIT_CONFIG, Failure, load, note, say_json};
use crate::config::log::LogFormat;
use crate::config::register_serve::RegisterServe;
use crate::telemetry::logging::{self, Format};

/// Runs the command until a signal asks for the end.
///
/// # Errors
/// [`Failure`].
pub async fn run(serve: &Serve, global: &Global) -> Result<ExitCode, Failure> {
    let config = load(global)?;
    let ours = &config.register.serve;
    let listen = serve.listen.unwrap_or(ours.listen);
    let admission = match admission(listen) {
        Ok(admission) => admission,
        Err(problem) => {
            note(format!("error: {problem}"));
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    let format = match config.log.format {
        LogFormat::Text => Format::text(),
        LogFormat::Json => Format::Json,
    };
    logging::init(format, config.log.filter.as_str()).context("cannot start the log")?;
    let clock = build::clock();
    let store = build::store(&config, clock.clone(), build::Opening::Shared).await?;
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

/// Without tokens to look at, only this machine is let in: the table holds people's addresses.
fn admission(listen: SocketAddr) -> Result<Admission, String> {
    if listen.ip().is_loopback() {
        return Ok(Admission::Anybody);
    }
    Err(format!(
        "{listen} is reachable from other machines, and everybody's addresses would be open to whoever \
         connects; listen on 127.0.0.1"
    ))
}

fn signer(ours: &RegisterServe) -> anyhow::Result<Option<Signer>> {
    if ours.key.is_empty() {
        return Ok(None);
    }
    let key = SigningKey::from_pem(ours.key.expose())
        .map_err(|problem| anyhow!("the key (key_file or key) {problem}"))?;
    Ok(Some(Signer::new(key, ours.key_id.clone())))
}
