//! Persons who are logged in to their page, and the one-time codes that they were sent.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::kinds::Channel;
use crate::domain::person::PersonNumber;
use crate::domain::time::Timestamp;

/// A session without a request for so long is over.
pub const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// However much it is used, a session is over after so long.
pub const SESSION_AT_MOST: Duration = Duration::from_secs(2 * 3_600);
/// A code is good for so long.
pub const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// A code is good for so many guesses.
pub const CODE_GUESSES: u32 = 5;
/// Within so long the codes sent are counted.
pub const CODE_WINDOW: Duration = Duration::from_secs(3_600);

/// A session to be kept. All ids are digests (SHA-256); what they are digests of is kept nowhere.
#[derive(Clone)]
pub struct NewSession {
    /// Of the id in the browser's cookie.
    pub id: [u8; 32],
    /// Of the provider's name of its own session, if it said one.
    pub provider_session: Option<[u8; 32]>,
    /// Who.
    pub person: PersonNumber,
    /// For the provider, when the person logs out.
    pub id_token: String,
    /// When it began.
    pub at: Timestamp,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSession(***)")
    }
}

/// A living session.
#[derive(Clone)]
pub struct Session {
    /// Who.
    pub person: PersonNumber,
    /// For the provider, when the person logs out.
    pub id_token: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(***)")
    }
}

/// A code that is about to be sent.
#[derive(Clone)]
pub struct NewCode {
    /// In which session it must be given back.
    pub session: [u8; 32],
    /// For which of the person's two addresses.
    pub channel: Channel,
    /// The address, as it will be kept.
    pub address: String,
    /// A digest of the code and of what only the browser knows.
    pub digest: [u8; 32],
    /// When it was made.
    pub at: Timestamp,
    /// A digest that stands for the person, and how many codes she may ask for in [`CODE_WINDOW`].
    pub person: ([u8; 32], u32),
    /// A digest that stands for the address, and how many codes it may get in [`CODE_WINDOW`].
    pub to: ([u8; 32], u32),
}

impl std::fmt::Debug for NewCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewCode(***)")
    }
}

/// What a guess at a code turned out to be.
#[derive(Clone, PartialEq, Eq)]
pub enum Guess {
    /// Right: the code is used up, and this address is the person's.
    Right(String),
    /// Wrong, with so many guesses left; with none left the code is gone.
    Wrong(u32),
    /// There is no code any more: too old, used up, or never sent.
    Gone,
}

impl std::fmt::Debug for Guess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Right(_) => f.write_str("Right(***)"),
            Self::Wrong(left) => write!(f, "Wrong({left})"),
            Self::Gone => f.write_str("Gone"),
        }
    }
}

/// Sessions and codes. Times come from the caller. What is over is never given out again and is
/// erased with the rest of what is too old ([`super::Retention::erase`]).
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Keeps a session.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_session(&self, session: NewSession) -> Result<(), StoreError>;

    /// The session of an id if it lives at `now` ([`SESSION_IDLE`], [`SESSION_AT_MOST`]); it was
    /// used at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn session(&self, id: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError>;

    /// Ends a session and forgets its codes; ending it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_session(&self, id: [u8; 32]) -> Result<(), StoreError>;

    /// Ends every session that began under the provider's session; answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_provider_session(&self, provider_session: [u8; 32]) -> Result<u64, StoreError>;

    /// Keeps a code in place of the session's earlier one on the channel, if neither the person
    /// nor the address has had too many; `false`: one of them has, and nothing was changed. The
    /// limits MUST hold however many ask at once.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_code(&self, code: NewCode) -> Result<bool, StoreError>;

    /// Tries a code. Every guess counts before it is looked at; at most [`CODE_GUESSES`] are, and
    /// none after [`CODE_LIFE`]. A right one is right once.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn guess_code(
        &self,
        session: [u8; 32],
        channel: Channel,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Guess, StoreError>;

    /// The address that a code was sent to and is still good for.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn code_address(
        &self,
        session: [u8; 32],
        channel: Channel,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError>;
}
