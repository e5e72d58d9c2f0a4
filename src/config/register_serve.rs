//! `[register.serve]`: the local register for others.

use std::net::SocketAddr;

use super::reader::section;
use super::secret::Secret;
use super::url::HttpUrl;

section! {
    /// What `budstikke register serve` does.
    RegisterServe {
        /// Where it listens; port 0 takes a free one.
        listen: SocketAddr,
        /// The key that signs answers, PEM; empty: there are no signed ones.
        key: Secret,
        /// The id (`kid`) of that key in the key set; absent: its thumbprint (RFC 7638).
        key_id: Option<String>,
        /// Whose access tokens are accepted; absent: nobody needs one, on loopback only.
        maskinporten: Option<RegisterIssuer>,
    }
}

section! {
    /// Whose access tokens let others ask our register.
    RegisterIssuer {
        /// `iss` of the tokens, with the slash at its end.
        issuer: HttpUrl,
        /// `aud` that a token must have; absent: not asked for.
        audience: Option<String>,
        /// Where the keys are; absent: `<issuer>jwk`.
        jwks_url: Option<HttpUrl>,
    }
}
