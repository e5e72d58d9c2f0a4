//! How the fake Maskinporten is told to behave.

use std::collections::VecDeque;
use std::time::Duration;

/// One way of misbehaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// 500.
    Error500,
    /// 503, with what it asks for.
    Unavailable503(Option<Duration>),
    /// 429, with what it asks for.
    TooMany429(Option<Duration>),
    /// 200 with a page instead of a token.
    Page200,
    /// No answer until the client gives up.
    Hang,
    /// The connection is reset.
    Reset,
    /// A refusal with this code, such as `MP-250`.
    Refused(String),
}

/// All knobs.
#[derive(Debug, Clone)]
pub struct MaskinportenKnobs {
    /// How long tokens live; whole seconds.
    pub life: Duration,
    /// How long an answer takes.
    pub latency: Duration,
    /// How many seconds its clock is ahead of this machine's.
    pub clock_ahead: i64,
    /// What is granted, instead of what was asked for.
    pub grants: Option<Vec<String>>,
    /// How every request for the key set ends, instead of with keys.
    pub keys: Option<TokenFault>,
    /// Faults for the next requests, one each; afterwards all is well.
    pub next: VecDeque<TokenFault>,
}

impl Default for MaskinportenKnobs {
    /// As one would like it: tokens of ten minutes, at once.
    fn default() -> Self {
        Self {
            life: Duration::from_secs(599),
            latency: Duration::ZERO,
            clock_ahead: 0,
            grants: None,
            keys: None,
            next: VecDeque::new(),
        }
    }
}
