//! The texts of a job, as templates, per language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::kinds::Language;

/// The texts per language; at least the job's default language is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message {
    /// Texts by language.
    pub texts: BTreeMap<Language, Texts>,
}

/// The texts of one language. Each is a Jinja template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Texts {
    /// The SMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<String>,
    /// The e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailText>,
}

/// An e-mail's texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailText {
    /// Subject line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part; values are escaped in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

impl Message {
    /// The texts in `wanted`, else in the job's `default`.
    pub fn best(&self, wanted: Option<Language>, default: Language) -> Option<(Language, &Texts)> {
        wanted
            .and_then(|language| self.texts.get(&language).map(|texts| (language, texts)))
            .or_else(|| self.texts.get(&default).map(|texts| (default, texts)))
    }
}
