//! `[[sms_gateway]]`: an SMS provider's HTTP API.

use std::time::Duration;

use super::node::Node;
use super::reader::{Findings, Reader, Setting, section};
use super::secret::Secret;
use super::senders::checked_text;
use super::sms_json::JsonSms;
use super::url::HttpUrl;
use super::values::from_text;
use super::words::one_of;
use crate::domain::pace::{Rate, RateError};

/// Which API, and how it is spoken. Only these are built; the contract's other kinds are named in
/// the finding.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayKind {
    /// Any simple HTTP gateway, described by the configuration.
    Json(Box<JsonSms>),
    /// Kannel's `sendsms`.
    Kannel,
}

impl GatewayKind {
    /// The word in the configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Kannel => "kannel",
        }
    }

    fn word(text: &str) -> Result<String, String> {
        match text {
            "json" | "kannel" => Ok(text.to_owned()),
            "twilio" | "link" | "pswin" | "gatewayapi" => Err(format!(
                "kind {text} is not available in this build; use json or kannel"
            )),
            other => Err(one_of(&["json", "kannel"], other)),
        }
    }
}

/// The kind is the text `kind`; how json is spoken is the table `json` beside it.
impl Setting for GatewayKind {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        match from_text(node, path, findings, Self::word)?.as_str() {
            "kannel" => Some(Self::Kannel),
            _ => JsonSms::absent().map(|json| Self::Json(Box::new(json))),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }

    fn show_into(&self, key: &str, table: &mut toml::Table) {
        table.insert(key.to_owned(), self.as_str().into());
        match self {
            Self::Json(json) => json.show_into("json", table),
            Self::Kannel => {}
        }
    }

    fn absent() -> Option<Self> {
        JsonSms::absent().map(|json| Self::Json(Box::new(json)))
    }

    fn field(reader: &mut Reader<'_>, key: &str, default: Option<Self>) -> Option<Self> {
        let kind = match reader.take(key) {
            Some(node) => Self::read(node, &reader.path_of(key), reader.findings),
            None => default.or_else(Self::absent),
        };
        let Some(node) = reader.take("json") else {
            return kind;
        };
        let path = reader.path_of("json");
        let json = JsonSms::read(node, &path, reader.findings);
        match kind? {
            Self::Json(_) => json.map(|json| Self::Json(Box::new(json))),
            Self::Kannel => {
                let problem = "belongs to kind json, but the gateway's kind is kannel";
                reader.findings.add(&path, &node.origin, problem);
                None
            }
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
        burst: u32 [1, 100_000] = 1,
        /// Requests in flight, per process.
        concurrency: u32 [1, 10_000] = 64,
        /// Its share of the messages when there are several gateways.
        weight: u32 [1, 1_000] = 1,
        /// Whoever reports deliveries gives this; empty: accepted from loopback only.
        receipt_token: Secret = Secret::default(),
        /// Our API as this gateway reaches it; absent: `http.public_url`.
        public_url: Option<HttpUrl>,
        /// How long look-up, connecting and the TLS handshake may take together.
        connect_timeout: Duration [Duration::from_millis(50), Duration::from_secs(120)]
            = Duration::from_secs(3),
        /// A connection unused for so long is closed; keep it below the gateway's own limit.
        idle_timeout: Duration [Duration::ZERO, Duration::from_secs(3_600)]
            = Duration::from_secs(10),
    }
}

impl SmsGateway {
    /// Parts per second as the domain knows it.
    ///
    /// # Errors
    /// [`RateError`] outside its ranges; a loaded configuration has no such rate.
    pub fn pace(&self) -> Result<Rate, RateError> {
        Rate::new(self.rate, self.burst)
    }
}
