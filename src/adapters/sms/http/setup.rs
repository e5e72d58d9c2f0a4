//! What a client is made of: credentials, certificates, and what can be wrong with them.

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::adapters::sms::settings::Auth;
use crate::ports::BoxError;

/// Why a gateway cannot be built from its settings. Names the gateway, never a secret.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting cannot be used.
    #[error("SMS gateway {gateway}: {problem}")]
    Setting {
        /// The gateway's name.
        gateway: String,
        /// Which setting, what is wrong with it and what would be right.
        problem: String,
    },
    /// The HTTP client cannot be made.
    #[error("SMS gateway {gateway}: the HTTP client cannot be set up")]
    Client {
        /// The gateway's name.
        gateway: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

/// Where the credentials go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters::sms) enum BasicAuth {
    /// Into the `Authorization` header.
    InHeader,
    /// The kind itself puts user and password into its parameters.
    InParameters,
}

/// The headers that let us in; `None` if a header cannot carry them.
pub(super) fn credentials(auth: &Auth, basic: BasicAuth) -> Option<HeaderMap> {
    use base64::Engine as _;

    let mut headers = HeaderMap::new();
    let (name, value) = match (auth, basic) {
        (Auth::None, _) | (Auth::Basic { .. }, BasicAuth::InParameters) => return Some(headers),
        (Auth::Basic { user, password }, BasicAuth::InHeader) => {
            let pair =
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            (AUTHORIZATION, format!("Basic {pair}"))
        }
        (Auth::Bearer { token }, _) => (AUTHORIZATION, format!("Bearer {token}")),
        (Auth::Header { name, value }, _) => {
            (HeaderName::from_bytes(name.as_bytes()).ok()?, value.clone())
        }
    };
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Some(headers)
}
