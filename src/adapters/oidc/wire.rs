//! The provider's own words (OpenID Connect Core and Discovery, RFC 8414, 9126, 9207).

use serde::{Deserialize, Serialize};

/// `client_assertion_type` of a signed assertion (RFC 7523).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the provider says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the provider's own names")]
pub struct Discovery {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// A request that was pushed.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the provider's own names")]
pub struct PushedReply {
    pub request_uri: String,
}

/// What a code was exchanged for.
#[derive(Serialize, Deserialize)]
#[expect(missing_docs, reason = "the provider's own names")]
pub struct TokenReply {
    pub id_token: String,
    #[serde(default)]
    pub access_token: String,
    pub token_type: String,
}

impl std::fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenReply(***)")
    }
}

/// A refusal.
#[derive(Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the provider's own names")]
pub struct ErrorReply {
    #[serde(default)]
    pub error: String,
}

/// One audience or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// A text.
    One(String),
    /// An array.
    Several(Vec<String>),
}

/// The claims of an ID token that we look at.
#[derive(Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the provider's own names")]
pub struct IdClaims {
    pub iss: String,
    pub aud: Audience,
    pub sub: String,
    pub exp: i64,
    pub iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The national identity number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
}

impl std::fmt::Debug for IdClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdClaims(***)")
    }
}

/// The claims by which a client proves who it is (RFC 7523).
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the standard's own names")]
pub struct AssertionClaims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub jti: String,
    pub iat: i64,
    pub exp: i64,
}
