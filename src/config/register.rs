//! `[register]`: who knows the persons' addresses.

use std::path::PathBuf;
use std::time::Duration;

use super::node::Node;
use super::reader::{Findings, Reader, Setting, section};
use super::register_serve::RegisterServe;
use super::secret::Secret;
use super::senders::checked_text;
use super::url::HttpUrl;
use super::words::words;
use crate::domain::org_number::OrgNumber;

words! {
    /// Which register.
    RegisterKind {
        /// The table of `budstikke register import`.
        Local = "local",
        /// The Contact and Reservation Register of Digdir.
        Krr = "krr",
    }
}

words! {
    /// In which form the register answers.
    AnswerForm {
        /// Plain; TLS alone says who answers.
        Json = "json",
        /// Signed with a key of the register.
        Jose = "jose",
    }
}

words! {
    /// How requests for tokens are signed.
    GrantAlgorithm {
        /// SHA-256.
        Rs256 = "RS256",
        /// SHA-384.
        Rs384 = "RS384",
        /// SHA-512.
        Rs512 = "RS512",
    }
}

checked_text!(
    /// Whom we act for: an organisation number, or `agency`, which is the one that sends.
    ConsumerOrg,
    |text: &str| if text == "agency" || OrgNumber::parse(text).is_ok() {
        Ok(())
    } else {
        Err("is neither an organisation number (9 digits) nor \"agency\"")
    }
);

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
    /// The local register for others.
    pub serve: RegisterServe,
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
        /// Calls a second, per process.
        rate: f64 [0.1, 1_000.0] = 10.0,
        /// In which form the register answers.
        answers: AnswerForm = AnswerForm::Json,
        /// Where the register's key set is; required with `answers = "jose"`.
        keys_url: Option<HttpUrl>,
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
        /// The id (`kid`) under which the key was registered; absent: its thumbprint (RFC 7638).
        key_id: Option<String>,
        /// The organisation's certificate and those above it, PEM, ours first; instead of `key_id`.
        certificate_file: Option<PathBuf>,
        /// How requests for tokens are signed.
        algorithm: GrantAlgorithm = GrantAlgorithm::Rs256,
        /// The scope asked for.
        scope: String = "krr:global/kontaktinformasjon.read".to_owned(),
        /// `resource` asked for, if the register wants tokens bound to it.
        resource: Option<String>,
        /// Whom we act for, if not ourselves.
        consumer_org: Option<ConsumerOrg>,
        /// How long a request for a token may take.
        timeout: Duration [Duration::from_millis(100), Duration::from_secs(60)]
            = Duration::from_secs(5),
    }
}

impl Setting for Register {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let mut reader = Reader::open(node, path, findings)?;
        let kind = RegisterKind::field(&mut reader, "kind", None);
        let allow_synthetic = bool::field(&mut reader, "allow_synthetic", None);
        let cache = Duration::field(&mut reader, "cache", None);
        let cache = reader.within(
            "cache",
            cache,
            Duration::from_secs(60),
            Duration::from_secs(300),
        );
        reader.findings.leave_secret_files = kind != Some(RegisterKind::Krr);
        let krr = Option::<Krr>::field(&mut reader, "krr", None);
        reader.findings.leave_secret_files = false;
        let serve = RegisterServe::field(&mut reader, "serve", None);
        let register = Self {
            kind: kind?,
            allow_synthetic: allow_synthetic?,
            cache: cache?,
            krr: krr?,
            serve: serve?,
        };
        if register.kind == RegisterKind::Krr && register.krr.is_none() {
            let origin = reader.origin_of("kind");
            let path = reader.path_of("krr");
            reader
                .findings
                .add(&path, origin, "is required with kind = \"krr\"");
            return None;
        }
        if register.kind == RegisterKind::Krr
            && let Some(krr) = &register.krr
        {
            let origin = reader.origin_of("krr");
            for (key, problem) in contradictions(krr, register.allow_synthetic) {
                let path = reader.path_of(key);
                reader.findings.add(&path, origin, problem);
            }
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
        self.serve.show_into("serve", &mut table);
        Some(toml::Value::Table(table))
    }
}

/// What contradicts itself, or would let persons' numbers out.
fn contradictions(krr: &Krr, allow_synthetic: bool) -> Vec<(&'static str, &'static str)> {
    let ours = &krr.maskinporten;
    let (url, issuer) = (krr.url.expose(), ours.issuer.expose());
    let is_test = |url: &str| url.starts_with("https://test.");
    let is_production = |url: &str| {
        ["https://kontaktregisteret.no", "https://maskinporten.no"]
            .iter()
            .any(|known| url.starts_with(known))
    };
    let contact = [
        "krr:global/kontaktinformasjon.read",
        "krr:global/kontaktinfo.read",
    ];
    let rules = [
        (
            krr.url.is_exposed(),
            "krr.url",
            "is http to another machine: identity numbers would cross the network in the clear; use https",
        ),
        (
            ours.issuer.is_exposed(),
            "krr.maskinporten.issuer",
            "is http to another machine: tokens would cross the network in the clear; use https",
        ),
        (
            !issuer.ends_with('/'),
            "krr.maskinporten.issuer",
            "must end with a slash, as Maskinporten writes it",
        ),
        (
            is_test(url) && is_production(issuer) || is_production(url) && is_test(issuer),
            "krr.maskinporten.issuer",
            "and register.krr.url are of different environments: one of test, one of production",
        ),
        (
            is_production(url) && allow_synthetic,
            "allow_synthetic",
            "must be false with the register of production: it holds real persons only",
        ),
        (
            url.starts_with("https://test.kontaktregisteret.no") && !allow_synthetic,
            "allow_synthetic",
            "must be true with the register of the test environment: real identity numbers must not be sent there",
        ),
        (
            ours.key_id.is_some() && ours.certificate_file.is_some(),
            "krr.maskinporten.key_id",
            "and certificate_file are two ways to name one key; keep one",
        ),
        (
            krr.answers == AnswerForm::Jose && krr.keys_url.is_none(),
            "krr.keys_url",
            "is required with answers = \"jose\": nobody can be believed without the register's keys",
        ),
        (
            krr.keys_url.as_ref().is_some_and(HttpUrl::is_exposed),
            "krr.keys_url",
            "is http to another machine: anybody on the way could put keys of their own there; use https",
        ),
        (
            !ours
                .scope
                .split_whitespace()
                .any(|scope| contact.contains(&scope)),
            "krr.maskinporten.scope",
            "gives no addresses; it must hold krr:global/kontaktinformasjon.read, or \
             krr:global/kontaktinfo.read for a supplier with consumer_org",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, ..)| *broken);
    broken.map(|(_, key, problem)| (key, problem)).collect()
}
