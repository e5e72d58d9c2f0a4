//! `[window]`: what `daytime` means.

use jiff::civil::{Time, time};

use super::reader::section;

section! {
    /// The hours in which `daytime` allows sending; Europe/Oslo, half-open.
    Window {
        /// First minute.
        from: Time = time(9, 0, 0, 0),
        /// First minute that is too late.
        until: Time = time(17, 0, 0, 0),
        /// Not on Saturdays, Sundays and Norwegian public holidays.
        working_days_only: bool = true,
    }
}
