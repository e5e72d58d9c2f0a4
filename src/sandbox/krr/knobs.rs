//! How the fake register is told to behave.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::domain::person::PersonNumber;

/// One way of misbehaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KrrFault {
    /// 401, whatever the token.
    Unauthorized401,
    /// 403.
    Forbidden403,
    /// 400, whatever the batch.
    BadRequest400,
    /// 404.
    NotFound404,
    /// 429, with what it asks for.
    TooMany429(Option<Duration>),
    /// 500.
    Error500,
    /// 502.
    BadGateway502,
    /// 503, with what it asks for.
    Unavailable503(Option<Duration>),
    /// 504.
    GatewayTimeout504,
    /// 302 to somewhere.
    Moved302,
    /// 200 with a page instead of persons.
    Page200,
    /// 200 whose JSON ends early.
    CutShort,
    /// 200 with nobody in it.
    Nobody,
    /// 200 with every other person left out.
    HalfLeftOut,
    /// 200 with somebody nobody asked about, too.
    Stranger,
    /// 200 with everybody twice, the second time reserved.
    Contradiction,
    /// 200 with these fields left out of everybody.
    Without(&'static [&'static str]),
    /// 200 signed with another key than it says.
    ForgedSignature,
    /// 200 not signed, though asked for.
    Unsigned,
    /// No answer until the client gives up.
    Hang,
    /// The connection is reset.
    Reset,
}

/// What becomes of numbers that are on no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// IKKE_REGISTRERT.
    NotRegistered,
    /// Registered and fresh, with addresses made of the number; for load.
    Ordinary,
}

/// All knobs.
#[derive(Debug, Clone)]
pub struct KrrKnobs {
    /// How long an answer takes.
    pub latency: Duration,
    /// Persons in one call at most; above it is 400.
    pub most: usize,
    /// What becomes of numbers that are on no list; before a real register it knows that itself.
    pub others: Others,
    /// A batch with one of them in it is 400.
    pub poisoned: HashSet<PersonNumber>,
    /// Left out of every answer.
    pub left_out: HashSet<PersonNumber>,
    /// Organisations for which everything is 403.
    pub shut_out: HashSet<String>,
    /// Share of calls, 0 to 1, that are 503.
    pub failing: f64,
    /// Faults for the next calls, one each.
    pub next: VecDeque<KrrFault>,
    /// The fault of every call after those, until it is taken back.
    pub always: Option<KrrFault>,
}

impl Default for KrrKnobs {
    /// As the documentation says.
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            most: 1_000,
            others: Others::NotRegistered,
            poisoned: HashSet::new(),
            left_out: HashSet::new(),
            shut_out: HashSet::new(),
            failing: 0.0,
            next: VecDeque::new(),
            always: None,
        }
    }
}
