//! Where jobs come from besides HTTP: the broker.

use async_trait::async_trait;

use super::BoxError;
use crate::domain::ids::AgencyId;
use crate::domain::kinds::Lane;
use crate::domain::status::Reason;

/// What a message on the jobs queues is (`type` property).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A job.
    Job,
    /// `{"job": …}`: cancel it.
    Cancel,
    /// `{"job": …, "ref": …}`: the letter was opened.
    Opened,
}

/// Why a message may not even be read (contract section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the dead letter's header, in words, without personal data.
    pub reason: String,
    /// The agency that gets `job.rejected`, where one is known.
    pub tell: Option<AgencyId>,
    /// Its reason: `unauthenticated` is about who sent it, `invalid` about what was sent.
    pub code: Reason,
}

/// One message taken from the broker and not acknowledged yet.
#[derive(Debug)]
pub struct Incoming {
    /// The agency, from the validated `user_id` alone, or why the message is refused.
    pub sender: Result<AgencyId, Refusal>,
    /// The lane of the queue: urgent or normal.
    pub lane: Lane,
    /// What it is; an unknown `type` is a refusal.
    pub kind: MessageKind,
    /// The body as it came.
    pub body: bytes::Bytes,
    /// The message's identity towards the broker; settled exactly once.
    pub handle: Handle,
}

/// The broker's handle of a message; forgetting it leaves the message to be delivered again.
#[derive(Debug)]
pub struct Handle(pub Box<dyn Settle>);

/// How a handle is settled.
#[async_trait]
pub trait Settle: Send + Sync + std::fmt::Debug {
    /// The message is safe with us: the broker may forget it.
    async fn ack(self: Box<Self>);
    /// Nothing may be done with it: it becomes a dead letter with the reason in a header, and is
    /// acknowledged as soon as the broker has that. Nobody waits for it.
    async fn dead_letter(self: Box<Self>, reason: &str);
    /// We could not do it now: the broker delivers it again, here or elsewhere.
    async fn give_back(self: Box<Self>);
}

/// The source went away for good.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not a disturbance, which the source waits out by itself, but something that will not heal.
    #[error("the broker refuses us: {reason}")]
    Refused {
        /// In words for an operator.
        reason: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

/// A stream of messages.
#[async_trait]
pub trait JobSource: Send + Sync + std::fmt::Debug {
    /// The next messages: waits for at least one, then gives all that have arrived, at most `limit`
    /// and fewer of large ones.
    ///
    /// MUST reconnect by itself for ever, with back-off; MUST stop fetching when
    /// [`Self::pause`]d. `Ok` with an empty list means that [`Self::stop`] was called and nothing is
    /// left.
    ///
    /// # Errors
    /// [`SourceError`] when waiting would not help.
    async fn next(&self, limit: usize) -> Result<Vec<Incoming>, SourceError>;

    /// Settles a batch: acknowledges all that are given, in as few frames as possible.
    async fn ack_all(&self, handles: Vec<Handle>);

    /// Cancels the consumers: nothing new arrives until [`Self::resume`].
    async fn pause(&self);

    /// Consumes again.
    async fn resume(&self);

    /// Stops for good: cancels the consumers and gives back what was not handed out.
    async fn stop(&self);

    /// Connected, with the topology declared.
    fn is_ready(&self) -> bool;
}
