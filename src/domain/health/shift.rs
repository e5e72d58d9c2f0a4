//! Is a gateway worse than the others of its channel?

use std::time::Duration;

use super::tally::Tally;

/// Fewer tries of the others together say nothing.
const OTHERS_LEAST: u64 = 5;

/// Clearly worse: so much more of its tries fail than of the others'.
const FAILS_CLEARLY: f64 = 0.10;
/// Better again only below this.
const FAILS_SLIGHTLY: f64 = 0.05;

/// Clearly slower: so many times as long as at the others, and so much longer.
const SLOW_CLEARLY: (f64, Duration) = (3.0, Duration::from_millis(500));
/// Better again only below this.
const SLOW_SLIGHTLY: (f64, Duration) = (2.0, Duration::from_millis(250));

/// How a gateway compares with the others of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not worse, or nobody can tell.
    Fine,
    /// A little; no reason to shift, none to trust it either.
    Slightly,
    /// Clearly, and why in words.
    Clearly(String),
}

/// Compares. `least`: the fewest tries of its own that say something.
pub(super) fn compare(own: &Tally, others: &Tally, least: u64) -> Standing {
    if own.counted() < least || others.counted() < OTHERS_LEAST {
        return Standing::Fine;
    }
    let more = own.failing() - others.failing();
    if more >= FAILS_CLEARLY {
        return Standing::Clearly(format!(
            "{} of {} tries failed ({:.0} %), at the others of the channel {:.0} %",
            own.failed,
            own.counted(),
            own.failing() * 100.0,
            others.failing() * 100.0,
        ));
    }
    if let (Some(mine), Some(theirs)) = (own.mean(), others.mean())
        && own.taken >= least
        && others.taken >= OTHERS_LEAST
    {
        if is_slower(mine, theirs, SLOW_CLEARLY) {
            return Standing::Clearly(format!(
                "a try took {:.2} s on average, at the others of the channel {:.2} s",
                mine.as_secs_f64(),
                theirs.as_secs_f64(),
            ));
        }
        if is_slower(mine, theirs, SLOW_SLIGHTLY) {
            return Standing::Slightly;
        }
    }
    if more >= FAILS_SLIGHTLY {
        Standing::Slightly
    } else {
        Standing::Fine
    }
}

fn is_slower(mine: Duration, theirs: Duration, (times, longer): (f64, Duration)) -> bool {
    mine >= theirs.mul_f64(times) && mine >= theirs + longer
}
