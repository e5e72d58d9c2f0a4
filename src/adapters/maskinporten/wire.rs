//! The JWT grant (RFC 7523) as Maskinporten takes it.

use serde::{Deserialize, Serialize};

/// The only grant of Maskinporten.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// `exp` − `iat` may not be more, in seconds.
pub const LONGEST_GRANT: i64 = 120;

/// What the client signs. Maskinporten refuses claims that it does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantClaims {
    /// The issuer, with the slash at its end.
    pub aud: String,
    /// The client's id.
    pub iss: String,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// Seconds since 1970; at most ten off Maskinporten's clock.
    pub iat: i64,
    /// Seconds since 1970; at most [`LONGEST_GRANT`] after `iat`.
    pub exp: i64,
    /// Never used twice.
    pub jti: String,
    /// For whom the token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Organisation number that a supplier acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_org: Option<String>,
}

/// The form that is posted to `{issuer}token`.
#[derive(Clone, Serialize, Deserialize)]
pub struct GrantForm {
    /// [`GRANT_TYPE`].
    pub grant_type: String,
    /// [`GrantClaims`], signed.
    pub assertion: String,
}

/// A token.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenReply {
    /// The token; nothing of it concerns the client.
    pub access_token: String,
    /// How long it lives, in seconds.
    pub expires_in: u64,
    /// What was granted, separated by spaces; absent: what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// A refusal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ErrorReply {
    /// The word of RFC 6749, section 5.2.
    #[serde(default)]
    pub error: String,
    /// For people; ends with the code, such as `MP-100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// Where the code is explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
}

macro_rules! masked {
    ($($name:ident),+) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        })+
    };
}
masked!(GrantForm, TokenReply);
