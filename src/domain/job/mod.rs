//! A job: what an agency enqueued. One text, one or many recipients, one set of rules.

mod message;
pub mod parse;
pub mod preview;
mod recipient;
mod rules;
pub mod template;

pub use message::{EmailText, Message, Texts};
pub use parse::{ParseRules, Rejected, parse, parse_knowing};
pub use preview::{Preview, preview};
pub use recipient::{Recipient, To, Values};
pub use rules::{Reminder, Rules, Side, StreetAudience};
pub use template::{KnownTexts, RenderError, RenderedEmail, Templates};

use super::ids::JobName;

/// A job that has been read and checked whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The agency's own id.
    pub name: JobName,
    /// What decides whether, when and where; facts, without anything personal.
    pub rules: Rules,
    /// The texts.
    pub message: Message,
    /// Whom to tell; position is the index. Empty when `rules.audience` is given.
    pub recipients: Vec<Recipient>,
    /// SHA-256 of the canonical JSON (RFC 8785) of the job as it came.
    pub content_hash: [u8; 32],
}
