//! Logging a person in through somebody who knows her: ID-porten, OpenID Connect.

use async_trait::async_trait;

use super::BoxError;
use crate::domain::person::PersonNumber;

/// What one attempt to log in is known by. Nothing of it may be guessed by others.
#[derive(Clone)]
pub struct Attempt {
    /// Comes back with the answer.
    pub state: String,
    /// Comes back inside the ID token.
    pub nonce: String,
    /// PKCE's secret (RFC 7636), 43 to 128 characters.
    pub verifier: String,
    /// The language of the log-in's pages, `nb`, `nn`, `en` or `se`.
    pub language: &'static str,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attempt(***)")
    }
}

/// What came back with the person's browser.
#[derive(Clone, Default)]
pub struct Returned {
    /// The code, to be exchanged.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub issuer: Option<String>,
    /// A word of the protocol instead of a code, such as `access_denied`.
    pub error: Option<String>,
}

impl std::fmt::Debug for Returned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Returned(***)")
    }
}

/// Somebody who is logged in.
#[derive(Clone)]
pub struct LoggedIn {
    /// Who.
    pub person: PersonNumber,
    /// The provider's name of its own session, if it says one.
    pub session: Option<String>,
    /// The ID token; the provider wants it back when the person logs out.
    pub id_token: String,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoggedIn(***)")
    }
}

/// Why nobody is logged in. The texts hold nothing personal.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The person, or somebody at her machine, broke it off.
    #[error("the person broke the log-in off")]
    Denied,
    /// It is over: too slow, an old page, an answer used before. Beginning again helps.
    #[error("the attempt to log in is over: {0}")]
    Over(&'static str),
    /// The provider cannot be reached or is out of order just now.
    #[error("the log-in provider cannot be reached")]
    Unavailable(#[source] BoxError),
    /// The provider refuses us: an operator must look.
    #[error("the log-in provider refuses us: {0}")]
    Refused(String),
    /// The answer is not to be believed.
    #[error("the log-in provider's answer is not believed: {0}")]
    Unbelievable(&'static str),
    /// The person is logged in on too low a level.
    #[error("the level of the log-in is too low")]
    TooWeak,
    /// The provider says nobody's national identity number.
    #[error("the log-in holds no national identity number")]
    NoNumber,
}

/// The provider.
#[async_trait]
pub trait LoginProvider: Send + Sync + std::fmt::Debug {
    /// Where to send the person's browser.
    ///
    /// # Errors
    /// [`LoginError`].
    async fn begin(&self, attempt: &Attempt) -> Result<String, LoginError>;

    /// Who came back. MUST believe nothing that was not signed for this very attempt.
    ///
    /// # Errors
    /// [`LoginError`].
    async fn finish(&self, attempt: &Attempt, returned: &Returned) -> Result<LoggedIn, LoginError>;

    /// Where to send the browser of a person who logs out, so that the provider's own session ends
    /// too; `None`: the provider offers no such place.
    ///
    /// # Errors
    /// [`LoginError`].
    async fn end(&self, id_token: &str, state: &str) -> Result<Option<String>, LoginError>;

    /// What the provider calls itself.
    fn issuer(&self) -> &str;

    /// Scheme, host and port of every place of the provider that a browser may be sent to or that
    /// may show us in a frame; those that are known so far.
    fn origins(&self) -> Vec<String>;

    /// Asks whether the provider answers at all.
    ///
    /// # Errors
    /// [`LoginError`].
    async fn probe(&self) -> Result<(), LoginError>;
}
