//! What every kind of gateway is told: where it is, how to get in, how much at once.

use std::fmt;
use std::time::Duration;

/// The settings that all kinds share.
#[derive(Clone)]
pub struct Settings {
    /// The gateway's name in the configuration.
    pub name: String,
    /// Where messages go: `http://` or `https://`.
    pub url: String,
    /// How we are let in.
    pub auth: Auth,
    /// Messages in flight at once in this process; at least 1.
    pub concurrency: usize,
    /// How long DNS, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// A connection unused for so long is closed. Keep it below the gateway's own limit: a request
    /// on a connection that the gateway is just closing becomes *unknown*.
    pub pool_idle_timeout: Duration,
    /// Where delivery reports for this gateway reach us, token included; for kinds that are told
    /// with every message. See [`Settings::report_url`].
    pub report_url: Option<String>,
}

impl Settings {
    /// A gateway at `url` without credentials and with the defaults: 64 at once, 3 s to connect,
    /// connections kept 10 s.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            auth: Auth::None,
            concurrency: 64,
            connect_timeout: Duration::from_secs(3),
            pool_idle_timeout: Duration::from_secs(10),
            report_url: None,
        }
    }

    /// `{public_url}/v1/receipts/{gateway}`, with `?token=` unless the token is empty.
    pub fn report_url(public_url: &str, gateway: &str, token: &str) -> String {
        let mut url = format!("{}/v1/receipts/", public_url.trim_end_matches('/'));
        percent_encode(&mut url, gateway);
        if !token.is_empty() {
            url.push_str("?token=");
            percent_encode(&mut url, token);
        }
        url
    }
}

/// Neither credentials nor the path and query of the address, which may hold some.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = url::Url::parse(&self.url)
            .map_or_else(|_| "?".to_owned(), |url| url.origin().ascii_serialization());
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("url", &host)
            .field("auth", &self.auth)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// How we are let in.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Basic`; for Kannel the parameters `username` and `password`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// The token.
        token: String,
    },
    /// A header of the gateway's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Basic { .. } => "basic(***)",
            Self::Bearer { .. } => "bearer(***)",
            Self::Header { .. } => "header(***)",
        })
    }
}

/// Appends `raw` with everything but `A-Za-z0-9-._~` percent-encoded (RFC 3986 section 2.3).
pub(super) fn percent_encode(into: &mut String, raw: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_print_neither_credentials_nor_query() {
        let mut settings = Settings::new("primary", "https://kari:hemmelig@sms.example/a?key=abc");
        settings.auth = Auth::Basic {
            user: "kari".into(),
            password: "hemmelig".into(),
        };
        let shown = format!("{settings:?}");
        for secret in ["kari", "hemmelig", "abc"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("https://sms.example"), "{shown}");
    }

    #[test]
    fn a_report_url_carries_the_token_safely() {
        assert_eq!(
            Settings::report_url("https://b.example/", "primary", "a/b&c"),
            "https://b.example/v1/receipts/primary?token=a%2Fb%26c"
        );
        assert_eq!(
            Settings::report_url("http://127.0.0.1:1", "p", ""),
            "http://127.0.0.1:1/v1/receipts/p"
        );
    }
}
