//! When sending is allowed: half-open hours on the clocks of Norway.
//!
//! A moment is judged by what a clock on the wall in Oslo shows. Hours that the clocks skip in
//! spring do not exist, hours that they repeat in autumn are open twice.

use jiff::civil::{Date, Time};
use jiff::tz::AmbiguousOffset;

use super::calendar::{in_oslo, is_working_day, oslo};
use super::kinds::Window;
use super::time::Timestamp;

/// The hours that `daytime` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayWindow {
    from: Time,
    until: Time,
    working_days_only: bool,
}

/// Why hours make no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window must end later on the same day than it begins; 00:00 as its end is midnight")]
pub struct DayWindowError;

/// On which days a window opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// Monday to Friday without public holidays.
    Working,
    /// Every day.
    All,
}

/// 09:00–17:00 on working days (contract section 2).
impl Default for DayWindow {
    fn default() -> Self {
        Self {
            from: Time::constant(9, 0, 0, 0),
            until: Time::constant(17, 0, 0, 0),
            working_days_only: true,
        }
    }
}

impl DayWindow {
    /// Hours `from` (inclusive) `until` (exclusive; 00:00 is the end of the day).
    ///
    /// # Errors
    /// [`DayWindowError`] when nothing lies between them.
    pub fn new(from: Time, until: Time, days: Days) -> Result<Self, DayWindowError> {
        if until != Time::midnight() && until <= from {
            return Err(DayWindowError);
        }
        Ok(Self {
            from,
            until,
            working_days_only: days == Days::Working,
        })
    }

    /// Where it begins, inclusive.
    pub const fn from(&self) -> Time {
        self.from
    }

    /// Where it ends, exclusive; 00:00 is the end of the day.
    pub const fn until(&self) -> Time {
        self.until
    }

    /// On which days it opens.
    pub const fn days(&self) -> Days {
        if self.working_days_only {
            Days::Working
        } else {
            Days::All
        }
    }

    fn opens_on(&self, date: Date) -> bool {
        !self.working_days_only || is_working_day(date)
    }

    fn contains(&self, at: Timestamp) -> bool {
        let local = in_oslo(at);
        let time = local.time();
        let before_end = self.until == Time::midnight() || time < self.until;
        self.from <= time && before_end && self.opens_on(local.date())
    }
}

/// Whether sending is allowed at `at`.
pub fn open(window: Window, hours: &DayWindow, at: Timestamp) -> bool {
    match window {
        Window::Anytime => true,
        Window::Daytime => hours.contains(at),
    }
}

/// The longest run of days without an opening is a week around Christmas or Easter; more days than
/// that are looked at so that a window inside a skipped hour is found too.
const LOOK_AHEAD_DAYS: usize = 31;

/// The first moment from `at` on at which sending is allowed; `at` itself if it is.
#[must_use]
pub fn next_open(window: Window, hours: &DayWindow, at: Timestamp) -> Timestamp {
    if open(window, hours, at) {
        return at;
    }
    let mut date = in_oslo(at).date();
    for _day in 0..LOOK_AHEAD_DAYS {
        let openings = beginnings(hours, date).into_iter().flatten();
        let first = openings.filter(|t| *t >= at && hours.contains(*t)).min();
        if let Some(first) = first {
            return first;
        }
        match date.tomorrow() {
            Ok(tomorrow) => date = tomorrow,
            Err(_end_of_time) => break,
        }
    }
    Timestamp::NEVER
}

/// The moments of `date` at which the window may open: where it begins (twice if that hour is
/// repeated), and where the clocks are changed.
fn beginnings(hours: &DayWindow, date: Date) -> [Option<Timestamp>; 3] {
    if !hours.opens_on(date) {
        return [None; 3];
    }
    let begins = date.to_datetime(hours.from);
    let instant =
        |offset: jiff::tz::Offset| offset.to_timestamp(begins).ok().map(Timestamp::from_jiff);
    let change = clock_change_on(date);
    match oslo().to_ambiguous_timestamp(begins).offset() {
        AmbiguousOffset::Unambiguous { offset } => [instant(offset), change, None],
        AmbiguousOffset::Gap { .. } => [change, None, None],
        AmbiguousOffset::Fold { before, after } => [instant(before), change, instant(after)],
    }
}

/// The moment at which the clocks are changed on `date`.
fn clock_change_on(date: Date) -> Option<Timestamp> {
    let midnight = oslo()
        .to_timestamp(date.to_datetime(Time::midnight()))
        .ok()?;
    let change = oslo().following(midnight).next()?.timestamp();
    let local = change.to_zoned(oslo().clone());
    (local.date() == date).then(|| Timestamp::from_jiff(change))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::time;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    fn hours(from: (i8, i8), until: (i8, i8), days: Days) -> DayWindow {
        DayWindow::new(
            time(from.0, from.1, 0, 0),
            time(until.0, until.1, 0, 0),
            days,
        )
        .unwrap()
    }

    /// Minutes of local time, without jiff's zones: the last Sundays of March and October at 01:00 UTC.
    fn minutes_on_the_wall(utc: Timestamp, change: Timestamp, before_h: i64, after_h: i64) -> i64 {
        let offset = if utc < change { before_h } else { after_h };
        (utc.0 / 60_000_000 + offset * 60).rem_euclid(1_440)
    }

    /// Every minute of the four days on which the clocks change, against plain arithmetic, with the
    /// first open minute found by walking.
    #[test]
    fn every_minute_of_the_days_with_changed_clocks_is_judged_by_the_wall_clock() {
        let days = [
            ("2026-03-28T23:00:00Z", 23, "2026-03-29T01:00:00Z", 1, 2),
            ("2026-10-24T22:00:00Z", 25, "2026-10-25T01:00:00Z", 2, 1),
            ("2027-03-27T23:00:00Z", 23, "2027-03-28T01:00:00Z", 1, 2),
            ("2027-10-30T22:00:00Z", 25, "2027-10-31T01:00:00Z", 2, 1),
        ];
        let windows = [
            ((2, 15), (2, 45)),
            ((1, 30), (2, 30)),
            ((2, 30), (3, 30)),
            ((1, 30), (3, 30)),
            ((2, 0), (3, 0)),
            ((3, 0), (4, 0)),
            ((9, 0), (17, 0)),
            ((0, 0), (0, 0)),
            ((22, 0), (0, 0)),
        ];
        for (midnight, length_h, change, before_h, after_h) in days {
            let (midnight, change) = (at(midnight), at(change));
            for (from, until) in windows {
                let window = hours(from, until, Days::All);
                let first = i64::from(from.0) * 60 + i64::from(from.1);
                let last = match i64::from(until.0) * 60 + i64::from(until.1) {
                    0 => 1_440,
                    minutes => minutes,
                };
                let mut next = next_open(
                    Window::Daytime,
                    &window,
                    midnight.plus(MINUTE * length_h * 60),
                );
                for minute in (0..length_h * 60).rev() {
                    let now = midnight.plus(MINUTE * minute);
                    let wall = minutes_on_the_wall(now, change, before_h, after_h);
                    let wanted = first <= wall && wall < last;
                    if wanted {
                        next = now;
                    }
                    assert_eq!(
                        open(Window::Daytime, &window, now),
                        wanted,
                        "{now} {window:?}"
                    );
                    assert_eq!(
                        next_open(Window::Daytime, &window, now),
                        next,
                        "{now} {window:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_default_is_nine_to_five_half_open_on_working_days() {
        let window = DayWindow::default();
        for (moment, wanted) in [
            ("2026-11-23T08:59:59.999999+01:00", false),
            ("2026-11-23T09:00:00+01:00", true),
            ("2026-11-23T16:59:59.999999+01:00", true),
            ("2026-11-23T17:00:00+01:00", false),
            ("2026-11-22T12:00:00+01:00", false),
            ("2026-05-01T12:00:00+02:00", false),
            ("2026-07-01T07:00:00Z", true),
            ("2026-07-01T15:00:00Z", false),
        ] {
            assert_eq!(
                open(Window::Daytime, &window, at(moment)),
                wanted,
                "{moment}"
            );
            assert!(open(Window::Anytime, &window, at(moment)));
        }
    }

    #[test]
    fn the_next_opening_skips_nights_weekends_and_holidays() {
        let window = DayWindow::default();
        for (moment, wanted) in [
            ("2026-11-23T10:00:00+01:00", "2026-11-23T10:00:00+01:00"),
            ("2026-11-23T03:00:00+01:00", "2026-11-23T09:00:00+01:00"),
            ("2026-11-23T17:00:00+01:00", "2026-11-24T09:00:00+01:00"),
            ("2026-11-20T18:00:00+01:00", "2026-11-23T09:00:00+01:00"),
            ("2026-04-01T17:00:00+02:00", "2026-04-07T09:00:00+02:00"),
            ("2027-03-24T17:00:00+01:00", "2027-03-30T09:00:00+02:00"),
            ("2026-12-24T17:00:00+01:00", "2026-12-28T09:00:00+01:00"),
            ("2026-10-23T17:00:00+02:00", "2026-10-26T09:00:00+01:00"),
        ] {
            let found = next_open(Window::Daytime, &window, at(moment));
            assert_eq!(found, at(wanted), "{moment}: {found}");
            assert_eq!(next_open(Window::Anytime, &window, at(moment)), at(moment));
        }
    }

    #[test]
    fn hours_without_a_minute_are_refused() {
        for (from, until) in [((9, 0), (9, 0)), ((17, 0), (9, 0))] {
            let (from, until) = (time(from.0, from.1, 0, 0), time(until.0, until.1, 0, 0));
            assert_eq!(DayWindow::new(from, until, Days::All), Err(DayWindowError));
        }
    }
}
