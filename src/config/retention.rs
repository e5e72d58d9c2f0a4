//! `[retention]`: how long what is known of people is kept.

use std::time::Duration;

use super::reader::section;

const TEN_YEARS: Duration = Duration::from_secs(3_653 * 86_400);

section! {
    /// Counted from when everything of the job is settled.
    Retention {
        /// Texts, values and addresses.
        text: Duration [Duration::ZERO, TEN_YEARS],
        /// Identity numbers.
        identity: Duration [Duration::ZERO, TEN_YEARS],
        /// Who ordered what and what became of it, and the idempotency hash.
        facts: Duration [Duration::ZERO, TEN_YEARS],
        /// Events in the feed, counted from when they happened.
        events: Duration [Duration::ZERO, TEN_YEARS],
        /// Who was looked up, for whom and why, counted from the look-up.
        audit: Duration [Duration::ZERO, TEN_YEARS],
    }
}
