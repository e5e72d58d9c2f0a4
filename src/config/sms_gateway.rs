//! `[[sms_gateway]]`: an SMS provider's HTTP API.

use super::node::Node;
use super::reader::{Findings, Reader, Setting, section};
use super::secret::Secret;
use super::senders::checked_text;
use super::sms_kinds::{JsonSms, KannelSms};
use super::url::HttpUrl;
use super::values::from_text;
use super::words::one_of;

/// Which API, and how it is spoken. Only these are built; the contract's other kinds are named in
/// the finding.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayKind {
    /// Any simple HTTP gateway, described by the configuration.
    Json(Box<JsonSms>),
    /// Kannel's `sendsms`.
    Kannel(KannelSms),
}

const KINDS: [&str; 2] = ["json", "kannel"];

impl GatewayKind {
    /// The word in the configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Kannel(_) => "kannel",
        }
    }

    fn word(text: &str) -> Result<String, String> {
        match text {
            "json" | "kannel" => Ok(text.to_owned()),
            "twilio" | "link" | "pswin" | "gatewayapi" => Err(format!(
                "kind {text} is not available in this build; use json or kannel"
            )),
            other => Err(one_of(&KINDS, other)),
        }
    }
}

/// The kind is the text `kind`, and how it is spoken the table of the same name beside it.
impl Setting for GatewayKind {
    fn read(_node: &Node, _path: &str, _findings: &mut Findings) -> Option<Self> {
        None
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }

    fn show_into(&self, key: &str, table: &mut toml::Table) {
        table.insert(key.to_owned(), self.as_str().into());
        match self {
            Self::Json(json) => json.show_into("json", table),
            Self::Kannel(kannel) => kannel.show_into("kannel", table),
        }
    }

    fn field(reader: &mut Reader<'_>, key: &str, _default: Option<Self>) -> Option<Self> {
        let kind = match reader.take(key) {
            Some(node) => from_text(node, &reader.path_of(key), reader.findings, Self::word),
            None => Some("json".to_owned()),
        };
        for table in KINDS {
            let other = reader.take(table);
            if let (Some(node), Some(kind)) = (other, kind.as_deref())
                && kind != table
            {
                let problem = format!("belongs to kind {table}, but the gateway's kind is {kind}");
                reader
                    .findings
                    .add(&reader.path_of(table), &node.origin, problem);
            }
        }
        match kind?.as_str() {
            "kannel" => KannelSms::field(reader, "kannel", None).map(Self::Kannel),
            _ => JsonSms::field(reader, "json", None).map(|json| Self::Json(Box::new(json))),
        }
    }
}

checked_text!(
    /// The name of a gateway or relay: `[A-Za-z0-9_-]{1,40}`. It is part of addresses and metrics.
    WireName,
    |text: &str| {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=40).contains(&text.len()) && text.bytes().all(is_word) {
            Ok(())
        } else {
            Err("must be 1 to 40 characters A-Z a-z 0-9 - _")
        }
    }
);

/// How we show the gateway who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// HTTP Basic.
    Basic {
        /// User.
        user: String,
        /// Password.
        password: Secret,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// Token.
        token: Secret,
    },
    /// A header of the gateway's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
}

impl Setting for Auth {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let mut reader = Reader::open(node, path, findings)?;
        let kind = String::field(&mut reader, "kind", None)?;
        let auth = match kind.as_str() {
            "none" => Some(Self::None),
            "basic" => {
                let user = String::field(&mut reader, "user", None);
                let password = Secret::field(&mut reader, "password", None);
                user.zip(password)
                    .map(|(user, password)| Self::Basic { user, password })
            }
            "bearer" => {
                Secret::field(&mut reader, "token", None).map(|token| Self::Bearer { token })
            }
            "header" => {
                let name = String::field(&mut reader, "name", None);
                let value = Secret::field(&mut reader, "value", None);
                name.zip(value)
                    .map(|(name, value)| Self::Header { name, value })
            }
            other => {
                let problem = one_of(&["none", "basic", "bearer", "header"], other);
                let path = reader.path_of("kind");
                reader.findings.add(&path, &node.origin, problem);
                return None;
            }
        };
        reader.finish();
        auth
    }

    fn show(&self) -> Option<toml::Value> {
        let (kind, fields) = match self {
            Self::None => ("none", vec![]),
            Self::Basic { user, password } => (
                "basic",
                vec![("user", user.show()), ("password", password.show())],
            ),
            Self::Bearer { token } => ("bearer", vec![("token", token.show())]),
            Self::Header { name, value } => (
                "header",
                vec![("name", name.show()), ("value", value.show())],
            ),
        };
        let mut table = toml::Table::new();
        table.insert("kind".to_owned(), kind.into());
        for (key, value) in fields {
            if let Some(value) = value {
                table.insert(key.to_owned(), value);
            }
        }
        Some(toml::Value::Table(table))
    }
}

section! {
    /// One SMS gateway.
    SmsGateway {
        /// Its name, known by which entries of several files merge; part of the receipts' address.
        name: WireName,
        /// Which API.
        kind: GatewayKind,
        /// Where messages are posted.
        url: HttpUrl,
        /// How we show who we are.
        auth: Auth = Auth::None,
        /// SMS parts per second, for the whole fleet.
        rate: f64 [0.001, 1_000_000.0] = 50.0,
        /// Parts that may go at once above the rate.
        burst: u32 [1, 1_000_000] = 1,
        /// Requests in flight, per process.
        concurrency: u32 [1, 10_000] = 64,
        /// Its share of the messages when there are several gateways.
        weight: u32 [1, 1_000] = 1,
        /// Whoever reports deliveries gives this; empty: accepted from loopback only.
        receipt_token: Secret = Secret::default(),
    }
}
