//! How the gateway is told to behave. Cheap to clone; turned while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::inbox::Taken;

/// From and to, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub from: Duration,
    /// The longest.
    pub to: Duration,
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self {
        from: Duration::ZERO,
        to: Duration::ZERO,
    };

    /// From and to, in milliseconds.
    pub const fn millis(from: u64, to: u64) -> Self {
        Self {
            from: Duration::from_millis(from),
            to: Duration::from_millis(to),
        }
    }
}

macro_rules! decision {
    ($(#[$doc:meta])* $name:ident, $argument:ty, $result:ty) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<dyn Fn(&$argument) -> $result + Send + Sync>);

        impl $name {
            /// Decides by `function`.
            pub fn new(function: impl Fn(&$argument) -> $result + Send + Sync + 'static) -> Self {
                Self(Arc::new(function))
            }

            pub(super) fn decide(&self, argument: &$argument) -> $result {
                (self.0)(argument)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

decision!(
    /// Picks receivers by their number.
    IsReceiver, str, bool
);
decision!(
    /// Picks a fault for a message about to arrive; `None` leaves it to chance.
    FaultOf, Taken, Option<Fault>
);
decision!(
    /// Picks what becomes of a message; `None` leaves it to chance.
    FateOf, Taken, Option<Fate>
);

/// What a repeat of a reference does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// The same id again and no second message: the gateway is idempotent.
    Fold,
    /// A second message, as most gateways do.
    TakeAgain,
}

/// What becomes of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Reported as delivered.
    Delivered,
    /// Reported as failed.
    Failed,
    /// Reported as expired.
    Expired,
    /// Never reported: a phone that never answers.
    Silent,
}

/// Delivery reports; the chances are 0 to 1.
#[derive(Debug, Clone)]
pub struct Reports {
    /// Where they go. Kannel's go to the message's own `dlr-url` if it has one.
    pub url: Option<String>,
    /// How long after the message.
    pub after: Span,
    /// Chance of [`Fate::Failed`].
    pub failed: f64,
    /// Chance of [`Fate::Expired`].
    pub expired: f64,
    /// Chance of [`Fate::Silent`].
    pub silent: f64,
    /// Decides before chance does.
    pub fate: Option<FateOf>,
    /// Chance that a report comes twice.
    pub twice: f64,
    /// Chance that an "accepted" comes after the final report.
    pub reversed: f64,
    /// Chance that the report is there before the answer to the message.
    pub early: f64,
}

impl Reports {
    /// Everything is delivered, at once, to `url`.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            after: Span::ZERO,
            failed: 0.0,
            expired: 0.0,
            silent: 0.0,
            fate: None,
            twice: 0.0,
            reversed: 0.0,
            early: 0.0,
        }
    }
}

/// All knobs.
#[derive(Debug, Clone)]
pub struct Knobs {
    /// The same seed gives the same faults and fates to the same messages.
    pub seed: u64,
    /// How long an answer takes; the message is taken before.
    pub latency: Span,
    /// Chance of each fault, 0 to 1; they add up to at most 1.
    pub faults: Vec<(Fault, f64)>,
    /// At most so many faults per reference; after them it is served well.
    pub faults_per_message: u32,
    /// Decides before chance does.
    pub fault: Option<FaultOf>,
    /// Receivers that are refused with 400.
    pub refuse: Option<IsReceiver>,
    /// What 429 and 503 ask for, in whole seconds.
    pub retry_after: Duration,
    /// What a repeat of a reference does.
    pub repeats: Repeats,
    /// Delivery reports; none by default.
    pub reports: Option<Reports>,
}

impl Default for Knobs {
    /// A gateway as one would like it, without reports.
    fn default() -> Self {
        Self {
            seed: 1,
            latency: Span::ZERO,
            faults: Vec::new(),
            faults_per_message: u32::MAX,
            fault: None,
            refuse: None,
            retry_after: Duration::from_secs(1),
            repeats: Repeats::TakeAgain,
            reports: None,
        }
    }
}

impl Knobs {
    /// With `fault` at `chance` (0 to 1), beside what is there.
    #[must_use]
    pub fn with(mut self, fault: Fault, chance: f64) -> Self {
        self.faults.push((fault, chance));
        self
    }
}
