//! What a relay needs to be told.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

use super::relay_url::RelayUrlError;
use crate::ports::BoxError;

/// A user and a password; neither is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Masked.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// How long each stage may take (RFC 5321, 4.5.3.2); the deadline of the message bounds them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up and TCP connection together.
    pub connect: Duration,
    /// Each answer up to and including DATA's, and the writing of the body.
    pub command: Duration,
    /// The answer to the final dot.
    pub final_dot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(60),
            final_dot: Duration::from_secs(600),
        }
    }
}

/// When a connection is given up although it works: relays cap each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recycle {
    /// After so many messages.
    pub messages: u32,
    /// After so long.
    pub age: Duration,
    /// After so long without a message.
    pub idle: Duration,
    /// After so many refused messages in a row; relays slow down or hang up on clients that are often wrong.
    pub refusals: u32,
}

impl Default for Recycle {
    fn default() -> Self {
        Self {
            messages: 1_000,
            age: Duration::from_secs(600),
            idle: Duration::from_secs(60),
            refusals: 5,
        }
    }
}

/// What a relay needs to be told.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The name of the relay in configuration, logs and metrics.
    pub name: String,
    /// `smtp://host:port` (STARTTLS when offered), `smtp://…?tls=required`, `smtp://…?tls=off` or
    /// `smtps://host:port`.
    pub url: String,
    /// How to log in; `None` if the relay knows us by our address.
    pub credentials: Option<Credentials>,
    /// The most connections this process has open at once; from 1.
    pub connections: usize,
    /// What EHLO says; `None` for the name of the machine.
    pub hello: Option<String>,
    /// How long each stage may take.
    pub timeouts: Timeouts,
    /// When a connection is given up although it works.
    pub recycle: Recycle,
    /// MAIL, RCPT and DATA in one write where the relay offers it (RFC 2920).
    pub pipelining: bool,
    /// Certificate authorities trusted besides those of the machine.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl RelaySettings {
    /// Reads certificate authorities from a PEM file, for [`Self::extra_roots`].
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
        let roots = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
        if roots.is_empty() {
            Err(pem::Error::NoItemsFound)
        } else {
            Ok(roots)
        }
    }

    /// Settings with every default: no credentials, 16 connections, pipelining.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            credentials: None,
            connections: 16,
            hello: None,
            timeouts: Timeouts::default(),
            recycle: Recycle::default(),
            pipelining: true,
            extra_roots: Vec::new(),
        }
    }
}

/// Why a relay cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The address.
    #[error("e-mail relay {name}: url {source}")]
    Url {
        /// Which relay.
        name: String,
        /// What is wrong.
        source: RelayUrlError,
    },
    /// No connections.
    #[error("e-mail relay {name}: connections is 0; write 1 or more, for example 16")]
    Connections {
        /// Which relay.
        name: String,
    },
    /// The EHLO name.
    #[error(
        "e-mail relay {name}: hello must be a host name or an address in brackets, for example \
         mail.example.no or [192.0.2.1]"
    )]
    Hello {
        /// Which relay.
        name: String,
    },
    /// TLS cannot be set up.
    #[error("e-mail relay {name}: TLS cannot be set up")]
    Tls {
        /// Which relay.
        name: String,
        /// Why.
        #[source]
        source: BoxError,
    },
}
