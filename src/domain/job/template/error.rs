//! Why a text cannot be rendered. No value and no text of a job is ever in an error: the names of
//! values are, since the agency chose them.

use crate::domain::kinds::{Channel, Language};

/// One text of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The SMS.
    Sms,
    /// The subject of the e-mail.
    Subject,
    /// The plain text of the e-mail.
    Text,
    /// The HTML of the e-mail.
    Html,
}

impl Part {
    /// Where it stands within the texts of a language.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Subject => "email/subject",
            Self::Text => "email/text",
            Self::Html => "email/html",
        }
    }

    /// The parts that make up a message on `channel`.
    pub const fn of(channel: Channel) -> &'static [Self] {
        match channel {
            Channel::Sms => &[Self::Sms],
            Channel::Email => &[Self::Subject, Self::Text, Self::Html],
        }
    }
}

/// A text could not be rendered for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text at {} {fault}", .part.pointer(*.language))]
pub struct RenderError {
    /// In which language.
    pub language: Language,
    /// Which text.
    pub part: Part,
    /// What is wrong.
    pub fault: RenderFault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderFault {
    /// The job has no such text.
    #[error("does not exist")]
    Absent,
    /// A value is missing.
    #[error("uses a value that is missing{}", .name.as_ref().map(|n| format!(": {n}")).unwrap_or_default())]
    Missing {
        /// The value's name, where it can be told.
        name: Option<String>,
    },
    /// The template itself is wrong, whatever the values.
    #[error("{what} (line {line})")]
    Template {
        /// In words.
        what: &'static str,
        /// From 1.
        line: usize,
    },
    /// The template cannot work with these values.
    #[error("cannot be filled with these values (line {line})")]
    Values {
        /// From 1.
        line: usize,
    },
    /// It would run too long.
    #[error("takes too much work to fill; make its loops smaller")]
    TooMuchWork,
    /// The result is too long.
    #[error("is longer than {} KiB once filled", super::MAX_TEXT_BYTES / 1024)]
    TooLong,
    /// A subject with a line break or another control character.
    #[error("must be one line once filled, without line breaks and control characters")]
    NotOneLine,
    /// Nothing is left to send.
    #[error("is empty once filled")]
    Blank,
}

impl Part {
    /// The JSON pointer to the text in a job.
    pub fn pointer(self, language: Language) -> String {
        format!("/message/{language}/{}", self.path())
    }
}
