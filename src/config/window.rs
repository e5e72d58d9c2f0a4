//! `[window]`: what `daytime` means.

use jiff::civil::{Time, time};

use super::reader::section;
use crate::domain::window::{DayWindow, DayWindowError, Days};

section! {
    /// The hours in which `daytime` allows sending; Europe/Oslo, half-open.
    Window {
        /// First minute.
        from: Time = time(9, 0, 0, 0),
        /// First minute that is too late; 00:00 is the end of the day.
        until: Time = time(17, 0, 0, 0),
        /// Not on Saturdays, Sundays and Norwegian public holidays.
        working_days_only: bool = true,
    }
}

impl Window {
    /// The hours as the domain knows them.
    ///
    /// # Errors
    /// [`DayWindowError`] when nothing lies between them; a loaded configuration has no such window.
    pub fn hours(&self) -> Result<DayWindow, DayWindowError> {
        let days = if self.working_days_only {
            Days::Working
        } else {
            Days::All
        };
        DayWindow::new(self.from, self.until, days)
    }
}
