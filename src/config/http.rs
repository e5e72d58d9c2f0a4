//! `[http]`: the API.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::section;
use super::secret::Secret;
use super::url::HttpUrl;
use super::values::ByteSize;

section! {
    /// The API.
    Http {
        /// Where it listens; port 0 takes a free one.
        listen: SocketAddr,
        /// The API as others reach it, for example where gateways send delivery reports.
        public_url: Option<HttpUrl>,
        /// The largest body of a request.
        body_limit: ByteSize [ByteSize(1 << 10), ByteSize(1 << 28)],
        /// How long a request may take.
        request_timeout: Duration [Duration::from_secs(1), Duration::from_secs(600)],
        /// Requests per second that one API key or client may make, in this process.
        rate_per_key: f64 [0.001, 1_000_000.0],
        /// Requests that one API key or client may make at once above its rate.
        burst_per_key: u32 [1, 1_000_000],
        /// Whoever reports bounces gives this; empty: accepted from loopback only.
        bounce_token: Secret,
        /// Agencies may come with a Maskinporten access token instead of an API key.
        maskinporten: Option<TokenIssuer>,
    }
}

section! {
    /// Whose access tokens are accepted.
    TokenIssuer {
        /// `iss` of the tokens, with the slash at its end.
        issuer: HttpUrl,
        /// `scope` that a token must have.
        scope: String,
        /// `aud` that a token must have; absent: not asked for.
        audience: Option<String>,
        /// Where the keys are; absent: `<issuer>jwk`.
        jwks_url: Option<HttpUrl>,
    }
}
