//! The wire: an SMS gateway or an e-mail relay.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::email::EmailAddress;
use crate::domain::ids::DeliveryId;
use crate::domain::kinds::Channel;
use crate::domain::outcome::Outcome;
use crate::domain::phone::PhoneNumber;
use crate::ports::slot::Slot;

/// A message ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Which delivery; its [`DeliveryId::client_reference`] goes with the message and is the same
    /// for every try.
    pub delivery: DeliveryId,
    /// What goes where.
    pub content: Content,
}

/// What goes where.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A text message.
    Sms {
        /// The receiver.
        to: PhoneNumber,
        /// The sender shown.
        from: String,
        /// The text.
        text: String,
        /// How many parts it takes; 1–10.
        parts: u32,
    },
    /// An e-mail.
    Email {
        /// The receiver.
        to: EmailAddress,
        /// The sender as configured, for example `Oslo kommune <varsel@oslo.example>`.
        from: String,
        /// Subject line.
        subject: String,
        /// The plain text part.
        text: String,
        /// The HTML part.
        html: Option<String>,
        /// BCP 47 tag of the text's language, for `Content-Language`.
        language: &'static str,
        /// When the first try of this delivery was made possible, for the `Date` header: the same
        /// for every try, so that a second copy is the same message.
        date: crate::domain::time::Timestamp,
    },
}

impl Outbound {
    /// The channel of the content.
    pub const fn channel(&self) -> Channel {
        match self.content {
            Content::Sms { .. } => Channel::Sms,
            Content::Email { .. } => Channel::Email,
        }
    }

    /// What it costs of the gateway's rate: SMS parts, or 1 for an e-mail.
    pub const fn cost(&self) -> u32 {
        match self.content {
            Content::Sms { parts, .. } => parts,
            Content::Email { .. } => 1,
        }
    }
}

/// Masked: neither address nor text.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sms { parts, .. } => write!(f, "Sms({parts} parts)"),
            Self::Email { .. } => f.write_str("Email"),
        }
    }
}

/// An SMS gateway or an e-mail relay.
#[async_trait]
pub trait Gateway: Send + Sync + fmt::Debug {
    /// Puts one message on the wire and says what is known of it.
    ///
    /// The point of no return is the last byte: over HTTP the last one of the request, over SMTP
    /// the final dot.
    ///
    /// - MUST return within `deadline` (plus scheduling), whatever the other side does.
    /// - MUST NOT try twice, nor anywhere else.
    /// - MUST NOT let the last byte leave unless [`Slot::pass`] has said yes directly before, and
    ///   does before that what can be done: connecting, and SMTP's dialogue up to the text.
    /// - MUST answer [`Fault::Late`](crate::domain::outcome::Fault::Late) if and only if nothing
    ///   else went wrong and the slot was over before the last byte; nothing can have been taken.
    /// - MUST answer [`Outcome::Unknown`] if and only if the last byte may have left and no complete,
    ///   readable answer came.
    /// - MUST NOT start the last byte after `deadline`.
    /// - MUST be safe to drop at any await; the caller then treats the try as unknown.
    async fn submit(&self, message: &Outbound, slot: Slot, deadline: Duration) -> Outcome;

    /// Asks whether the other side can be reached and lets us in, without sending anything.
    ///
    /// # Errors
    /// What is wrong, in words for an operator, without secrets.
    async fn probe(&self, deadline: Duration) -> Result<String, String>;

    /// How many messages may usefully be in flight at once in this process.
    fn concurrency(&self) -> usize;

    /// How long before its slot opens a message should be submitted, as measured: what has to be
    /// done up to the point of no return takes about so long.
    fn lead(&self) -> Duration {
        Duration::ZERO
    }
}
