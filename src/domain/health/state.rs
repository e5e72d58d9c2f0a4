//! What is decided about a gateway, and the numbers by which it is.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// Whether a gateway may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circuit {
    /// Yes. Code 0.
    #[default]
    Closed,
    /// Only for a probe now and then. Code 1.
    Open,
}

impl Circuit {
    /// What the column holds.
    pub const fn code(self) -> i16 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
        }
    }

    /// From what the column holds.
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Closed),
            1 => Some(Self::Open),
            _ => None,
        }
    }

    /// A word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// How much of its configured weight a gateway has, in steps; never nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Share {
    /// A tenth: enough to see whether it has recovered.
    Tenth,
    /// A fifth.
    Fifth,
    /// Half.
    Half,
    /// All of it.
    #[default]
    Whole,
}

impl Share {
    /// In tenths, as the column holds it.
    pub const fn tenths(self) -> u32 {
        match self {
            Self::Tenth => 1,
            Self::Fifth => 2,
            Self::Half => 5,
            Self::Whole => 10,
        }
    }

    /// The step at or below so many tenths; a tenth at least.
    pub const fn from_tenths(tenths: i64) -> Self {
        match tenths {
            10.. => Self::Whole,
            5..=9 => Self::Half,
            2..=4 => Self::Fifth,
            _ => Self::Tenth,
        }
    }

    /// One step less; `None` at the last.
    pub const fn down(self) -> Option<Self> {
        match self {
            Self::Tenth => None,
            Self::Fifth => Some(Self::Tenth),
            Self::Half => Some(Self::Fifth),
            Self::Whole => Some(Self::Half),
        }
    }

    /// One step more; `None` when it has all.
    pub const fn up(self) -> Option<Self> {
        match self {
            Self::Tenth => Some(Self::Fifth),
            Self::Fifth => Some(Self::Half),
            Self::Half => Some(Self::Whole),
            Self::Whole => None,
        }
    }
}

/// What is decided about a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatewayState {
    /// Whether it may be used.
    pub circuit: Circuit,
    /// Since when.
    pub circuit_since: Timestamp,
    /// How much of its weight it has.
    pub share: Share,
    /// When the share last changed.
    pub shifted_at: Timestamp,
    /// When it last looked worse than the others.
    pub worse_at: Timestamp,
}

impl GatewayState {
    /// Since when it is as it is; `None`: it has always been.
    pub fn since(&self) -> Option<Timestamp> {
        let since = self.circuit_since.max(self.shifted_at);
        (since > Timestamp(0)).then_some(since)
    }
}

/// The numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How often each worker tells what it saw and looks at what the fleet saw.
    pub every: Duration,
    /// The length of a bin.
    pub bin: Duration,
    /// What is older does not count.
    pub window: Duration,
    /// Fewer tries than this say nothing.
    pub least: u64,
    /// The circuit opens when this share of them failed.
    pub open_at: f64,
    /// It also opens when all of so short a time failed, at least `least`: of a busy gateway that is
    /// down, half of the window is thousands of tries.
    pub outage: Duration,
    /// One probe so often for the whole fleet while it is open.
    pub probe_every: Duration,
    /// The share shrinks at most one step so often.
    pub away_every: Duration,
    /// It grows one step after so long without looking worse.
    pub back_every: Duration,
}

///
impl Default for Rules {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            bin: Duration::from_secs(3),
            window: Duration::from_secs(30),
            least: 20,
            open_at: 0.5,
            outage: Duration::from_secs(6),
            probe_every: Duration::from_secs(10),
            away_every: Duration::from_secs(30),
            back_every: Duration::from_mins(5),
        }
    }
}
