//! The kinds of SMS gateways that we speak.

/// How a gateway is spoken to; the word of `kind` in `[[sms_gateway]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatewayKind {
    /// One JSON object per message; everything about it can be configured.
    Json,
    /// Kannel's `sendsms`.
    Kannel,
}

impl GatewayKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Json, Self::Kannel];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Kannel => "kannel",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}
