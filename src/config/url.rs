//! Addresses of outside parties. They are split here only as far as a mistake can be named; the
//! libraries that connect read them again.

use std::fmt;

use super::node::Node;
use super::reader::{Findings, Reader, Setting};
use super::secret::{MASK, field_or_file};
use super::values::from_text;

/// `scheme://[user[:password]@]host[:port][/path][?query]`, in pieces.
struct Parts<'a> {
    scheme: &'a str,
    userinfo: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    /// Path and query.
    rest: &'a str,
}

const ESCAPE: &str = "has a `@`, `/` or `?` in user or password; write them as %40, %2F and %3F";

fn split(url: &str) -> Result<Parts<'_>, &'static str> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a space or control character in it");
    }
    let (scheme, after) = url
        .split_once("://")
        .ok_or("is no URL; write scheme://host")?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    if authority.matches('@').count() > 1 || before_query(rest).contains('@') {
        return Err(ESCAPE);
    }
    let (userinfo, place) = match authority.split_once('@') {
        Some((userinfo, place)) => (Some(userinfo), place),
        None => (None, authority),
    };
    let after_bracket = place.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match place.rfind(':').filter(|colon| *colon >= after_bracket) {
        Some(colon) => {
            let (host, port) = place.split_at_checked(colon).unwrap_or((place, ""));
            let port = port.trim_start_matches(':').parse();
            (host, Some(port.map_err(|_ignored| "has no valid port")?))
        }
        None => (place, None),
    };
    Ok(Parts {
        scheme,
        userinfo,
        host,
        port,
        rest,
    })
}

fn before_query(rest: &str) -> &str {
    rest.split(['?', '#']).next().unwrap_or(rest)
}

/// The URL with passwords hidden: what stands between the user and the last `@`, and the values of
/// query parameters that sound like secrets.
fn masked(url: &str) -> String {
    let (head, query) = url.split_once('?').unwrap_or((url, ""));
    let head = match (head.split_once("://"), head.rfind('@')) {
        (Some((scheme, after)), Some(_)) => {
            let (userinfo, place) = after.rsplit_once('@').unwrap_or(("", after));
            match userinfo.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}:{MASK}@{place}"),
                None => format!("{scheme}://{userinfo}@{place}"),
            }
        }
        (Some(_) | None, _) => head.to_owned(),
    };
    if query.is_empty() {
        return head;
    }
    let hide = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}={MASK}"),
        Some(_) | None => pair.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(hide).collect();
    format!("{head}?{}", query.join("&"))
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["pass", "secret", "token", "key", "user"]
        .iter()
        .any(|word| key.contains(word))
}

/// Declares a URL that may hold a password: it can be given as `…_file` and prints masked.
macro_rules! secret_url {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The whole URL; for the adapter only.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        /// The password is hidden.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&masked(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl Setting for $name {
            fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
                from_text(node, path, findings, |text| $check(text).map(|()| Self(text.to_owned())))
            }

            fn show(&self) -> Option<toml::Value> {
                Some(self.to_string().into())
            }

            fn field(reader: &mut Reader<'_>, key: &str, default: Option<Self>) -> Option<Self> {
                field_or_file(reader, key, default, |text| $check(&text).map(|()| Self(text)))
            }
        }
    };
}

secret_url!(
    /// Where the store is: `sqlite://file`, or `postgres://user:password@host/name`.
    DatabaseUrl,
    check_database
);
secret_url!(
    /// Where the broker is: `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS.
    BrokerUrl,
    check_broker
);
secret_url!(
    /// An `http://` or `https://` address; a password in its query prints masked.
    HttpUrl,
    check_http
);

/// Which of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// One machine.
    Sqlite,
    /// The fleet.
    Postgres,
}

impl DatabaseUrl {
    /// Which store the scheme names.
    pub fn kind(&self) -> DatabaseKind {
        if self.0.starts_with("sqlite:") {
            DatabaseKind::Sqlite
        } else {
            DatabaseKind::Postgres
        }
    }
}

fn check_database(url: &str) -> Result<(), &'static str> {
    if url
        .strip_prefix("sqlite:")
        .is_some_and(|file| !file.is_empty())
    {
        return Ok(());
    }
    match split(url)?.scheme {
        "postgres" | "postgresql" => Ok(()),
        _ => Err("expected sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME"),
    }
}

fn check_broker(url: &str) -> Result<(), &'static str> {
    let parts = split(url)?;
    match (parts.scheme, parts.host) {
        ("amqp" | "amqps", "") => Err("has no host"),
        ("amqp" | "amqps", _) => Ok(()),
        _ => Err("expected amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps:// for TLS"),
    }
}

fn check_http(url: &str) -> Result<(), &'static str> {
    let parts = split(url)?;
    match (parts.scheme, parts.host, parts.userinfo) {
        ("http" | "https", "", _) => Err("has no host"),
        ("http" | "https", _, Some(_)) => Err("holds a user; give user and password under `auth`"),
        ("http" | "https", _, None) => Ok(()),
        _ => Err("expected http://HOST/PATH or https://HOST/PATH"),
    }
}

impl HttpUrl {
    /// A URL that is fixed in our own code or manual.
    pub(super) fn fixed(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// Unencrypted, and not to this machine.
    pub fn is_exposed(&self) -> bool {
        split(&self.0).is_ok_and(|parts| parts.scheme == "http" && !is_local(parts.host))
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// How a relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// `smtp://…?tls=off`: never, for a relay on the same machine.
    Off,
    /// `smtp://`: STARTTLS when offered.
    WhenOffered,
    /// `smtp://…?tls=required`: STARTTLS or nothing.
    Required,
    /// `smtps://`: TLS from the first byte.
    FromStart,
}

/// Where a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUrl {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port: 25 unless given, 465 for `smtps://`.
    pub port: u16,
    /// Encryption.
    pub tls: Tls,
}

impl RelayUrl {
    fn parse(url: &str) -> Result<Self, &'static str> {
        const FORM: &str =
            "expected smtp://HOST:PORT, smtp://HOST:PORT?tls=required or smtps://HOST:PORT";
        let parts = split(url)?;
        let (tls, port) = match (parts.scheme, parts.rest.trim_start_matches('/')) {
            ("smtp", "") => (Tls::WhenOffered, 25),
            ("smtp", "?tls=off") => (Tls::Off, 25),
            ("smtp", "?tls=required") => (Tls::Required, 25),
            ("smtps", "") => (Tls::FromStart, 465),
            _ => return Err(FORM),
        };
        match (parts.host, parts.userinfo) {
            ("", _) => Err("has no host"),
            (_, Some(_)) => Err("holds a user; use the settings `user` and `password`"),
            (host, None) => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: parts.port.unwrap_or(port),
                tls,
            }),
        }
    }

    /// Passwords would cross a network in the clear if the relay does not offer STARTTLS.
    pub fn is_exposed(&self) -> bool {
        matches!(self.tls, Tls::Off | Tls::WhenOffered)
            && !is_local(&self.host)
            && self.host != "::1"
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, query) = match self.tls {
            Tls::Off => ("smtp", "?tls=off"),
            Tls::WhenOffered => ("smtp", ""),
            Tls::Required => ("smtp", "?tls=required"),
            Tls::FromStart => ("smtps", ""),
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}{query}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}{query}", self.host, self.port)
        }
    }
}

impl Setting for RelayUrl {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        from_text(node, path, findings, Self::parse)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}
