//! `[retry]`: when a delivery that was not taken is tried again.

use std::time::Duration;

use super::reader::section;

section! {
    /// Full jitter up to each; the last repeats until the deadline.
    Retry {
        /// For SMS.
        sms: Vec<Duration>,
        /// For e-mail.
        email: Vec<Duration>,
    }
}
