//! `[register]`: who knows the persons' addresses.

use std::time::Duration;

use super::node::Node;
use super::reader::{Findings, Reader, Setting, section};
use super::secret::Secret;
use super::url::HttpUrl;
use super::words::words;

words! {
    /// Which register.
    RegisterKind {
        /// The table of `budstikke register import`.
        Local = "local",
        /// The Contact and Reservation Register of Digdir.
        Krr = "krr",
    }
}

/// The register.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// Which one.
    pub kind: RegisterKind,
    /// Synthetic identity numbers are accepted, and real ones refused.
    pub allow_synthetic: bool,
    /// How long an answer may be used again, from memory; at most five minutes.
    pub cache: Duration,
    /// The Contact and Reservation Register. With `kind = "local"` it is not in use: its secrets
    /// stay unread and their files need not exist.
    pub krr: Option<Krr>,
}

section! {
    /// The Contact and Reservation Register.
    Krr {
        /// Where it is.
        url: HttpUrl = HttpUrl::fixed("https://test.kontaktregisteret.no"),
        /// Persons in one call at most.
        batch: u32 [1, 1_000] = 1_000,
        /// Calls in flight, per process.
        concurrency: u32 [1, 64] = 4,
        /// How long a call may take.
        timeout: Duration [Duration::from_millis(100), Duration::from_secs(120)]
            = Duration::from_secs(10),
        /// Where the access tokens come from.
        maskinporten: Maskinporten,
    }
}

section! {
    /// Our own client at Maskinporten.
    Maskinporten {
        /// The issuer, with the slash at its end.
        issuer: HttpUrl = HttpUrl::fixed("https://test.maskinporten.no/"),
        /// The client's id.
        client_id: String,
        /// The client's private key, PEM.
        key: Secret,
        /// The key's id (`kid`), if it was registered with one.
        key_id: Option<String>,
        /// The scope asked for.
        scope: String = "krr:global/kontaktinformasjon.read".to_owned(),
        /// `resource` asked for, if the register wants tokens bound to it.
        resource: Option<String>,
        /// Organisation number that we act for, if not our own.
        consumer_org: Option<String>,
    }
}

impl Setting for Register {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let mut reader = Reader::open(node, path, findings)?;
        let kind = RegisterKind::field(&mut reader, "kind", None);
        let allow_synthetic = bool::field(&mut reader, "allow_synthetic", None);
        let cache = Duration::field(&mut reader, "cache", None);
        let cache = reader.within("cache", cache, Duration::ZERO, Duration::from_secs(300));
        reader.findings.leave_secret_files = kind != Some(RegisterKind::Krr);
        let krr = Option::<Krr>::field(&mut reader, "krr", None);
        reader.findings.leave_secret_files = false;
        let register = Self {
            kind: kind?,
            allow_synthetic: allow_synthetic?,
            cache: cache?,
            krr: krr?,
        };
        if register.kind == RegisterKind::Krr && register.krr.is_none() {
            let origin = reader.origin_of("kind");
            let path = reader.path_of("krr");
            reader
                .findings
                .add(&path, origin, "is required with kind = \"krr\"");
            return None;
        }
        reader.finish();
        Some(register)
    }

    fn show(&self) -> Option<toml::Value> {
        let mut table = toml::Table::new();
        self.kind.show_into("kind", &mut table);
        self.allow_synthetic
            .show_into("allow_synthetic", &mut table);
        self.cache.show_into("cache", &mut table);
        self.krr.show_into("krr", &mut table);
        Some(toml::Value::Table(table))
    }
}
