//! Where a relay is: `smtp://host:port`, `smtp://…?tls=required`, `smtps://host:port`.

use std::fmt;

use url::Url;

/// When the line is encrypted. Whenever it is, the certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Never: `smtp://…?tls=off`, for a relay on the same machine with a certificate of its own
    /// making.
    Off,
    /// When the relay offers STARTTLS: `smtp://`.
    WhenOffered,
    /// STARTTLS or nothing: `smtp://…?tls=required`.
    Required,
    /// From the first byte: `smtps://`.
    FromTheStart,
}

/// Where a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUrl {
    host: String,
    port: u16,
    tls: Tls,
}

/// What is wrong with the address of a relay, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayUrlError {
    /// No URL at all.
    #[error("is not a URL ({0}); write for example smtp://mail.example.no:25")]
    Shape(url::ParseError),
    /// Another protocol.
    #[error("starts with {0}://; write smtp:// (STARTTLS when offered) or smtps://")]
    Scheme(String),
    /// No host.
    #[error("names no host; write for example smtp://mail.example.no:25")]
    Host,
    /// A host outside ASCII.
    #[error("has a host outside ASCII; write its xn-- form")]
    HostNotAscii,
    /// A user or password in the URL, where logs would show it.
    #[error("holds a user or password; write them in the fields user and password instead")]
    Secrets,
    /// A path or fragment.
    #[error("holds more than host, port and tls; write for example smtp://mail.example.no:25")]
    Excess,
    /// An unknown `?name=`.
    #[error("has the unknown parameter {0:?}; only tls=required and tls=off can be written")]
    Parameter(String),
    /// An unknown `?tls=`.
    #[error(
        "has tls={0}; write tls=required or tls=off, or leave it out for STARTTLS when offered"
    )]
    Tls(String),
    /// `smtps://` is encrypted anyhow.
    #[error("is smtps:// with tls={0}; smtps:// is always encrypted, leave tls out")]
    TlsTwice(String),
}

impl RelayUrl {
    /// Reads the address of a relay. The port is 25 for `smtp` and 465 for `smtps` if left out.
    ///
    /// # Errors
    /// [`RelayUrlError`], which says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, RelayUrlError> {
        let url = Url::parse(raw.trim()).map_err(RelayUrlError::Shape)?;
        let (default_port, mut tls) = match url.scheme() {
            "smtp" => (25, Tls::WhenOffered),
            "smtps" => (465, Tls::FromTheStart),
            other => return Err(RelayUrlError::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RelayUrlError::Secrets);
        }
        let host = url.host_str().ok_or(RelayUrlError::Host)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(RelayUrlError::Host);
        }
        if host.contains('%') {
            return Err(RelayUrlError::HostNotAscii);
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(RelayUrlError::Excess);
        }
        for (name, value) in url.query_pairs() {
            if name != "tls" {
                return Err(RelayUrlError::Parameter(name.into_owned()));
            }
            if tls == Tls::FromTheStart {
                return Err(RelayUrlError::TlsTwice(value.into_owned()));
            }
            tls = match value.as_ref() {
                "required" => Tls::Required,
                "off" => Tls::Off,
                _ => return Err(RelayUrlError::Tls(value.into_owned())),
            };
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(default_port),
            tls,
        })
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// When the line is encrypted.
    pub const fn tls(&self) -> Tls {
        self.tls
    }

    /// Whether the line cannot leave this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.tls {
            Tls::Off | Tls::WhenOffered | Tls::Required => "smtp",
            Tls::FromTheStart => "smtps",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_url_is_read() {
        for (raw, shown, tls) in [
            (
                "smtp://127.0.0.1:2525",
                "smtp://127.0.0.1:2525",
                Tls::WhenOffered,
            ),
            (
                "smtp://mail.example.no",
                "smtp://mail.example.no:25",
                Tls::WhenOffered,
            ),
            (
                "smtp://m.example.no:587/?tls=required",
                "smtp://m.example.no:587",
                Tls::Required,
            ),
            ("smtp://localhost?tls=off", "smtp://localhost:25", Tls::Off),
            ("smtps://[::1]", "smtps://[::1]:465", Tls::FromTheStart),
        ] {
            let url = RelayUrl::parse(raw).expect(raw);
            assert_eq!((url.to_string().as_str(), url.tls()), (shown, tls), "{raw}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_relay_url_is_said_without_its_secrets() {
        for (raw, says) in [
            ("mail.example.no", "is not a URL"),
            ("http://mail.example.no", "starts with http://"),
            ("smtp:mail", "names no host"),
            ("smtp://blåbær.no", "xn--"),
            (
                "smtp://u:hemmelig@mail.example.no",
                "fields user and password",
            ),
            ("smtp://mail.example.no/inbox", "holds more than"),
            ("smtp://mail.example.no?tsl=required", "\"tsl\""),
            ("smtp://mail.example.no?tls=maybe", "tls=maybe"),
            ("smtps://mail.example.no?tls=required", "always encrypted"),
        ] {
            let text = RelayUrl::parse(raw).expect_err(raw).to_string();
            assert!(text.contains(says), "{raw}: {text}");
            assert!(!text.contains("hemmelig"), "{text}");
        }
    }
}
