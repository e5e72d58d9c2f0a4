//! The register's part of the sandbox: the fake register, the fake Maskinporten, and a client's key
//! for both sides.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::knobs::{Listen, rate};
use crate::adapters::jose::wire::SigningKey;
use crate::cli::context::note;
use crate::sandbox::keys;
use crate::sandbox::krr::{Admission, KrrServer, Others};
use crate::sandbox::maskinporten::{Client, ClientKey, Clients, MaskinportenServer};

/// The id of the one client that is registered.
const CLIENT: &str = "sandbox";
/// Where they listen unless told otherwise; if something else does already, they are left out.
const USUAL: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_010),
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_011),
];

/// Where both listen and how they behave.
#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    /// Where the register listens, or off. Without it: 127.0.0.1:9010, if that is free.
    #[arg(long, value_name = "ADDRESS", value_parser = Listen::parse)]
    register: Option<Listen>,
    /// Where Maskinporten listens, or off. Without it: 127.0.0.1:9011, if that is free.
    #[arg(long, value_name = "ADDRESS", value_parser = Listen::parse)]
    maskinporten: Option<Listen>,
    /// The key of client "sandbox", PEM; made if there is no such file. Without it Maskinporten
    /// gives tokens to anybody and looks at no signature.
    #[arg(long, value_name = "FILE")]
    client_key: Option<PathBuf>,
    /// Every number that is on no list belongs to somebody who can be reached; for load.
    #[arg(long)]
    everybody: bool,
    /// Share of calls to the register, 0 to 1, that it answers with 503.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    register_fail: f64,
    /// How long an answer of the register takes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    register_latency: u64,
}

/// Both, as far as they run.
#[derive(Debug, Default)]
pub(super) struct Register {
    pub(super) krr: Option<KrrServer>,
    maskinporten: Option<MaskinportenServer>,
}

impl RegisterArgs {
    /// Nothing of it is wanted.
    pub(super) fn is_off(&self) -> bool {
        self.register == Some(Listen::Off) && self.maskinporten == Some(Listen::Off)
    }

    /// Starts what is wanted.
    pub(super) async fn start(&self) -> anyhow::Result<Register> {
        let maskinporten = match self.place(self.maskinporten, USUAL[1]) {
            Some(at) => {
                let server = MaskinportenServer::start_on(at, self.clients()?).await;
                usable(server, self.maskinporten, "--maskinporten", at)?
            }
            None => None,
        };
        let krr = match self.place(self.register, USUAL[0]) {
            Some(at) => {
                let admission = match &maskinporten {
                    Some(server) => Admission::Tokens(server.tokens()),
                    None => Admission::Anybody,
                };
                let server = KrrServer::start_on(at, admission).await;
                usable(server, self.register, "--register", at)?
            }
            None => None,
        };
        if let Some(server) = &krr {
            server.turn(|knobs| {
                knobs.latency = Duration::from_millis(self.register_latency);
                knobs.failing = self.register_fail;
                if self.everybody {
                    knobs.others = Others::Ordinary;
                }
            });
            note(format!("register:    {}", server.url()));
        }
        if let Some(server) = &maskinporten {
            let who = match &self.client_key {
                Some(file) => format!("client_id {CLIENT}, key_file {}", file.display()),
                None => "any client".to_owned(),
            };
            note(format!("Maskinporten: {} ({who})", server.issuer()));
        }
        Ok(Register { krr, maskinporten })
    }

    fn place(&self, wanted: Option<Listen>, usual: SocketAddr) -> Option<SocketAddr> {
        match wanted {
            Some(Listen::Off) => None,
            Some(Listen::At(address)) => Some(address),
            None => Some(usual),
        }
    }

    fn clients(&self) -> anyhow::Result<Clients> {
        let Some(file) = &self.client_key else {
            return Ok(Clients::Anybody);
        };
        let at = || format!("--client-key {}", file.display());
        let pem = key_text(file).with_context(at)?;
        let key = SigningKey::from_pem(&pem).map_err(|problem| anyhow!(problem));
        let public = key.with_context(at)?.public().clone();
        let known = ClientKey::Kid(public.thumbprint(), public);
        Ok(Clients::Registered(vec![Client::trusted(CLIENT, known)]))
    }
}

/// A server, or nothing if somebody else has the usual place.
fn usable<T>(
    server: io::Result<T>,
    wanted: Option<Listen>,
    option: &str,
    at: SocketAddr,
) -> anyhow::Result<Option<T>> {
    match server {
        Ok(server) => Ok(Some(server)),
        Err(error) if wanted.is_none() && error.kind() == io::ErrorKind::AddrInUse => {
            note(format!("{at} is taken; {option} is left out"));
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("{option} {at}: it cannot listen there")),
    }
}

/// The key of the file, or a new one that is written there for nobody else to read.
fn key_text(file: &Path) -> io::Result<String> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(mut new) => {
            let pem = keys::generate_pem()?;
            new.write_all(pem.as_bytes())?;
            Ok(pem)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::read_to_string(file),
        Err(error) => Err(error),
    }
}

impl Register {
    /// Stops both.
    pub(super) async fn stop(self) {
        if let Some(server) = self.krr {
            server.stop().await;
        }
        if let Some(server) = self.maskinporten {
            server.stop().await;
        }
    }
}
