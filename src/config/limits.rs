//! `[limits]`: how much one address may get.

use super::reader::section;

section! {
    /// Per phone number or e-mail address, over all agencies; 0: no limit.
    Limits {
        /// Messages with the same text within an hour.
        identical_per_hour: u32 [0, 1_000_000],
        /// Messages within an hour.
        any_per_hour: u32 [0, 1_000_000],
    }
}
