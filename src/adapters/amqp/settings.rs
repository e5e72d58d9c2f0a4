//! Where the broker is and who we are there.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;

use super::error::AmqpError;

/// Where the broker is and who we are there. Prints without the password.
#[derive(Clone)]
pub struct AmqpSettings {
    pub(super) uri: AMQPUri,
    pub(super) tls: OwnedTLSConfig,
}

impl AmqpSettings {
    /// Reads the settings.
    ///
    /// `heartbeat` (whole seconds; the broker may ask for less) holds unless the URL says
    /// `?heartbeat=`; `ca_file` (PEM) is trusted besides the system's authorities.
    ///
    /// # Errors
    /// [`AmqpError::Url`], [`AmqpError::CaFile`].
    pub fn parse(
        url: &str,
        ca_file: Option<&Path>,
        heartbeat: Duration,
    ) -> Result<Self, AmqpError> {
        let mut uri: AMQPUri = url.parse().map_err(AmqpError::Url)?;
        // The parser takes names only and would put `localhost` for an IPv6 address.
        if let Some(address) = ipv6_host(url) {
            address.clone_into(&mut uri.authority.host);
        }
        if uri.authority.userinfo.username.len() > 255 || uri.vhost.len() > 255 {
            return Err(AmqpError::Url(
                "user or virtual host is longer than 255 bytes".to_owned(),
            ));
        }
        if uri.query.heartbeat.is_none() {
            uri.query.heartbeat = Some(u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX));
        }
        let cert_chain = match ca_file {
            Some(path) => {
                Some(
                    std::fs::read_to_string(path).map_err(|source| AmqpError::CaFile {
                        path: path.to_owned(),
                        source,
                    })?,
                )
            }
            None => None,
        };
        Ok(Self {
            uri,
            tls: OwnedTLSConfig {
                identity: None,
                cert_chain,
            },
        })
    }

    /// The log-in.
    pub fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// The virtual host.
    pub fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    /// Host, port and virtual host, as shown in messages.
    pub fn address(&self) -> String {
        let authority = &self.uri.authority;
        format!(
            "{}:{} (virtual host {})",
            authority.host, authority.port, self.uri.vhost
        )
    }
}

fn ipv6_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    host.strip_prefix('[')?.split_once(']').map(|(ip, _)| ip)
}

impl fmt::Debug for AmqpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AmqpSettings({}://{}:***@{})",
            self.uri.scheme,
            self.user(),
            self.address()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<AmqpSettings, AmqpError> {
        AmqpSettings::parse(url, None, Duration::from_secs(10))
    }

    #[test]
    fn the_password_is_never_printed() {
        let settings = parse("amqp://budstikke:hemmelig@mq.example:5673/%2f").unwrap();
        let shown = format!("{settings:?} {}", settings.address());
        assert!(!shown.contains("hemmelig"), "{shown}");
        assert!(shown.contains("mq.example:5673"), "{shown}");
        assert_eq!((settings.user(), settings.vhost()), ("budstikke", "/"));
    }

    #[test]
    fn the_heartbeat_of_the_url_wins() {
        let of = |url| parse(url).unwrap().uri.query.heartbeat;
        assert_eq!(of("amqp://localhost/%2f"), Some(10));
        assert_eq!(of("amqp://localhost/%2f?heartbeat=3"), Some(3));
    }

    #[test]
    fn an_ipv6_address_is_a_host() {
        let host = |url| parse(url).unwrap().uri.authority.host;
        assert_eq!(host("amqp://u:p@[::1]:5672/%2f"), "::1");
        assert_eq!(host("amqp://127.0.0.1/%2f"), "127.0.0.1");
        assert_eq!(host("amqp://u:p%5B@mq/%2f"), "mq");
    }

    #[test]
    fn another_scheme_is_refused() {
        assert!(matches!(parse("http://localhost"), Err(AmqpError::Url(_))));
    }

    #[test]
    fn a_missing_ca_file_is_named() {
        let error = AmqpSettings::parse(
            "amqps://mq.example/%2f",
            Some(Path::new("/nowhere/ca.pem")),
            Duration::from_secs(10),
        )
        .unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
