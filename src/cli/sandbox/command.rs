//! The command: all servers until Ctrl-C, a line for every second in which something came.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::knobs::{FaultArgs, Listen};
use super::register::RegisterArgs;
use super::tally::{All, Tally};
use crate::adapters::sms::GatewayKind;
use crate::app::process;
use crate::cli::args::Global;
use crate::cli::context::{Failure, note, say, say_json};
use crate::sandbox::idporten::{IdPortenClients, IdPortenServer};
use crate::sandbox::mail::MailServer;
use crate::sandbox::sms::SmsServer;

/// Run a fake SMS gateway, mail server, register and ID-porten with knobs for faults; nothing leaves this machine.
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Where the SMS gateway listens (kind json at /sms, kind kannel at /cgi-bin/sendsms), or off.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9009", value_parser = Listen::parse)]
    sms: Listen,
    /// Where the mail server listens, or off.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2525", value_parser = Listen::parse)]
    smtp: Listen,
    #[command(flatten)]
    faults: FaultArgs,
    #[command(flatten)]
    register: RegisterArgs,
    /// Where a fake ID-porten listens, for a person's page; without it, nowhere. It lets anybody be
    /// anybody.
    #[arg(long, value_name = "ADDRESS", value_parser = Listen::parse, default_value = "off")]
    idporten: Listen,
    /// End after this time, such as 30s; without it, after Ctrl-C.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    r#for: Option<Duration>,
}

impl Sandbox {
    /// Runs the command until Ctrl-C.
    ///
    /// # Errors
    /// [`Failure`] when an address cannot be listened on.
    pub async fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let servers = [self.sms, self.smtp, self.idporten];
        if servers.iter().all(|at| *at == Listen::Off) && self.register.is_off() {
            return Err(Failure::Other(anyhow!(
                "--sms, --smtp, --register and --maskinporten are off: that leaves nothing to run"
            )));
        }
        if self.faults.fail + self.faults.unknown > 1.0 {
            return Err(Failure::Other(anyhow!(
                "--fail and --unknown together are more than 1"
            )));
        }
        let sms = self.start_sms().await?;
        let mail = self.start_mail().await?;
        if let Some(server) = &sms {
            note(format!("SMS gateway: {}", server.url(GatewayKind::Json)));
            note(format!("             {}", server.url(GatewayKind::Kannel)));
        }
        if let Some(server) = &mail {
            note(format!("mail server: {}", server.url()));
        }
        let register = self.register.start().await?;
        let idporten = self.start_idporten().await?;
        if let Some(server) = &idporten {
            note(format!("ID-porten:   {}", server.issuer()));
        }
        let all = All {
            sms: sms.as_ref(),
            mail: mail.as_ref(),
            krr: register.krr.as_ref(),
        };
        tokio::select! {
            () = process::asked_to_stop() => {}
            () = over(self.r#for) => {}
            () = tell(all) => {}
        }
        let tally = Tally::of(all);
        if global.json {
            say_json(&tally.to_json(sms.as_ref()));
        } else {
            say(tally.summary());
        }
        if let Some(server) = sms {
            server.stop().await;
        }
        register.stop().await;
        if let Some(server) = idporten {
            server.stop().await;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn start_sms(&self) -> anyhow::Result<Option<SmsServer>> {
        let Listen::At(address) = self.sms else {
            return Ok(None);
        };
        let server = SmsServer::start_on(address, self.faults.sms()).await;
        let server = server
            .with_context(|| format!("--sms {address}: the SMS gateway cannot listen there"))?;
        Ok(Some(server))
    }

    async fn start_idporten(&self) -> anyhow::Result<Option<IdPortenServer>> {
        let Listen::At(address) = self.idporten else {
            return Ok(None);
        };
        let server = IdPortenServer::start_on(address, IdPortenClients::Anybody).await;
        let server = server
            .with_context(|| format!("--idporten {address}: ID-porten cannot listen there"))?;
        Ok(Some(server))
    }

    async fn start_mail(&self) -> anyhow::Result<Option<MailServer>> {
        let Listen::At(address) = self.smtp else {
            return Ok(None);
        };
        let server = MailServer::start_at(address, self.faults.mail()).await;
        let server = server
            .with_context(|| format!("--smtp {address}: the mail server cannot listen there"))?;
        Ok(Some(server))
    }
}

async fn over(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Tells every second what came in it; quiet while nothing does.
async fn tell(all: All<'_>) {
    let mut before = Tally::of(all);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let now = Tally::of(all);
        if now != before {
            note(now.line(&before));
        }
        before = now;
    }
}
