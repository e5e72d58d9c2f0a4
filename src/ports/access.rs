//! Access tokens that agencies come with instead of an API key.

use async_trait::async_trait;

use super::BoxError;
use crate::domain::org_number::OrgNumber;

/// What a token says of who came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose call it is: it alone decides what may be seen and done.
    pub consumer: OrgNumber,
    /// Who calls on the consumer's behalf, if somebody does. For the log only.
    pub supplier: Option<OrgNumber>,
    /// What the token is for, all of it.
    pub scopes: Vec<String>,
}

/// What is wrong with a token. The texts are for whoever sent it; they hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than any real one.
    #[error("the access token is longer than 16 KiB")]
    TooLong,
    /// Not three parts of base64url, the first a JSON object.
    #[error("the access token is no signed JWT: three parts of base64url with dots between them")]
    Shape,
    /// `none`, a shared secret, or another family.
    #[error("the access token is not signed with RS256, RS384 or RS512")]
    Algorithm,
    /// The header has a `crit`.
    #[error("the access token's header asks for an extension (`crit`) that is not known here")]
    Critical,
    /// No `kid`.
    #[error("the access token's header does not say which key signed it (`kid`)")]
    NoKeyId,
    /// The issuer has no such key.
    #[error("the access token is signed with a key that its issuer does not have")]
    UnknownKey,
    /// Not made by that key, or changed since.
    #[error("the access token's signature does not fit")]
    Signature,
    /// No JSON object, or a name stands in it twice.
    #[error("the access token's claims are no JSON object, or one of them stands there twice")]
    Claims,
    /// Another issuer.
    #[error(
        "the access token's `iss` is not the issuer configured here; compare the slash at its end too"
    )]
    Issuer,
    /// `exp` is missing or no number.
    #[error("the access token's `exp` is missing or no number")]
    NoExpiry,
    /// `iat` is missing or no number.
    #[error("the access token's `iat` is missing or no number")]
    NoIssueTime,
    /// `nbf` is no number.
    #[error("the access token's `nbf` is no number")]
    NotBefore,
    /// Over.
    #[error("the access token has expired (`exp`); ask for a new one")]
    Expired,
    /// `nbf` is ahead.
    #[error("the access token is not valid yet (`nbf`); compare the clocks")]
    NotYet,
    /// `iat` is ahead.
    #[error("the access token was issued in the future (`iat`); compare the clocks")]
    IssuedAhead,
    /// Not meant for us.
    #[error("the access token is for somebody else: its `aud` is not what is configured here")]
    Audience,
    /// Not for this.
    #[error("the access token's `scope` does not hold the scope of this API")]
    Scope,
    /// No consumer that can be read.
    #[error(
        "the access token's `consumer` is not {{\"authority\": \"iso6523-actorid-upis\", \"ID\": \"0192:<organisation number>\"}}"
    )]
    Consumer,
    /// A supplier that cannot be read.
    #[error(
        "the access token's `supplier` is not {{\"authority\": \"iso6523-actorid-upis\", \"ID\": \"0192:<organisation number>\"}}"
    )]
    Supplier,
    /// Nobody that is configured.
    #[error(
        "the access token's consumer is no agency here; its organisation number must stand in the configuration"
    )]
    NoAgency,
}

/// Why nobody is let in with a token.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The token is not believed.
    #[error("the access token is refused")]
    Refused(#[from] Refusal),
    /// Nobody can tell just now: the issuer's keys cannot be had.
    #[error("the keys of the tokens' issuer cannot be had")]
    Unavailable(#[source] BoxError),
}

/// Looks at access tokens.
#[async_trait]
pub trait TokenChecker: Send + Sync + std::fmt::Debug {
    /// Who came with `token`.
    ///
    /// MUST believe nothing that is not signed by the configured issuer, for this API and for now;
    /// MUST NOT let anybody in because the issuer's keys cannot be had, and MUST go on with those
    /// that are known. Errors MUST NOT hold anything of the token.
    ///
    /// # Errors
    /// [`AccessError`].
    async fn check(&self, token: &str) -> Result<Access, AccessError>;

    /// The scope that a token must have, for the challenge (RFC 6750 section 3).
    fn scope(&self) -> &str;
}
