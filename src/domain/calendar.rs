//! The Norwegian calendar: time zone, public holidays and working days.
//!
//! Holidays by lov om helligdager og helligdagsfred § 2 and lov om 1. og 17. mai som
//! høgtidsdager. Christmas Eve and New Year's Eve are working days.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, ToSpan, Zoned};

use super::time::Timestamp;

/// Europe/Oslo by the IANA rules that are built in: no file of the machine is read.
#[expect(
    clippy::expect_used,
    reason = "the database is part of the binary and holds Europe/Oslo"
)]
pub fn oslo() -> &'static TimeZone {
    static OSLO: LazyLock<TimeZone> = LazyLock::new(|| {
        let database = TimeZoneDatabase::bundled();
        database
            .get("Europe/Oslo")
            .expect("the built-in database holds Europe/Oslo")
    });
    &OSLO
}

/// The point of time on the clocks of Norway.
pub fn in_oslo(at: Timestamp) -> Zoned {
    at.to_jiff().to_zoned(oslo().clone())
}

/// Whether offices are open on `date`: Monday to Friday and no public holiday.
pub fn is_working_day(date: Date) -> bool {
    let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    !weekend && !is_public_holiday(date)
}

/// Whether `date` is a public holiday in Norway (ordinary Sundays aside).
pub fn is_public_holiday(date: Date) -> bool {
    match (date.month(), date.day()) {
        (1, 1) | (5, 1 | 17) | (12, 25 | 26) => true,
        _ => MOVABLE.contains(&days_after_easter(date)),
    }
}

/// Days from Easter Sunday to Maundy Thursday, Good Friday, Easter Sunday and Monday, Ascension,
/// Whit Sunday and Monday.
const MOVABLE: [i64; 7] = [-3, -2, 0, 1, 39, 49, 50];

/// Easter Sunday by the Gregorian computus (Meeus, Jones and Butcher).
pub fn easter_sunday(year: i16) -> Date {
    let y = i64::from(year);
    let (a, b, c) = (y.rem_euclid(19), y.div_euclid(100), y.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let g = (8 * b + 13).div_euclid(25);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let (month, day) = (
        i8::try_from(n / 31).unwrap_or(3),
        i8::try_from(n % 31).unwrap_or(21) + 1,
    );
    Date::new(year, month, day).unwrap_or_default()
}

fn days_after_easter(date: Date) -> i64 {
    i64::from(date.day_of_year()) - i64::from(easter_sunday(date.year()).day_of_year())
}

/// The same local time in Oslo, `days` calendar days later; a local time that the clocks skip is
/// taken as much later as they skip.
#[must_use]
pub fn add_days_oslo(at: Timestamp, days: u16) -> Timestamp {
    shifted(at, i64::from(days).days(), Timestamp::NEVER)
}

/// The same local time in Oslo, `months` calendar months earlier; the last of the month where that
/// month is shorter (31 August − 18 months = 28 or 29 February).
#[must_use]
pub fn months_before(at: Timestamp, months: u16) -> Timestamp {
    shifted(at, -i64::from(months).months(), Timestamp(i64::MIN / 4))
}

fn shifted(at: Timestamp, span: Span, beyond: Timestamp) -> Timestamp {
    match in_oslo(at).checked_add(span) {
        Ok(then) => Timestamp::from_jiff(then.timestamp()),
        Err(_beyond_the_year_9999) => beyond,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// year; Maundy Thursday, Good Friday, Easter Sunday, Monday; Ascension; Whit Sunday, Monday.
    const TABLE: [(i16, [(i8, i8); 7]); 12] = [
        (
            2024,
            [(3, 28), (3, 29), (3, 31), (4, 1), (5, 9), (5, 19), (5, 20)],
        ),
        (
            2025,
            [(4, 17), (4, 18), (4, 20), (4, 21), (5, 29), (6, 8), (6, 9)],
        ),
        (
            2026,
            [(4, 2), (4, 3), (4, 5), (4, 6), (5, 14), (5, 24), (5, 25)],
        ),
        (
            2027,
            [(3, 25), (3, 26), (3, 28), (3, 29), (5, 6), (5, 16), (5, 17)],
        ),
        (
            2028,
            [(4, 13), (4, 14), (4, 16), (4, 17), (5, 25), (6, 4), (6, 5)],
        ),
        (
            2029,
            [(3, 29), (3, 30), (4, 1), (4, 2), (5, 10), (5, 20), (5, 21)],
        ),
        (
            2030,
            [(4, 18), (4, 19), (4, 21), (4, 22), (5, 30), (6, 9), (6, 10)],
        ),
        (
            2031,
            [(4, 10), (4, 11), (4, 13), (4, 14), (5, 22), (6, 1), (6, 2)],
        ),
        (
            2032,
            [(3, 25), (3, 26), (3, 28), (3, 29), (5, 6), (5, 16), (5, 17)],
        ),
        (
            2033,
            [(4, 14), (4, 15), (4, 17), (4, 18), (5, 26), (6, 5), (6, 6)],
        ),
        (
            2034,
            [(4, 6), (4, 7), (4, 9), (4, 10), (5, 18), (5, 28), (5, 29)],
        ),
        (
            2035,
            [(3, 22), (3, 23), (3, 25), (3, 26), (5, 3), (5, 13), (5, 14)],
        ),
    ];

    #[test]
    fn the_public_holidays_of_2024_to_2035_are_those_of_the_table_and_no_others() {
        for (year, movable) in TABLE {
            let fixed = [(1, 1), (5, 1), (5, 17), (12, 25), (12, 26)];
            let wanted: BTreeSet<Date> = movable
                .into_iter()
                .chain(fixed)
                .map(|(month, day)| Date::new(year, month, day).unwrap())
                .collect();
            let first = Date::new(year, 1, 1).unwrap();
            let found = first.series(1.day()).take_while(|d| d.year() == year);
            let found: BTreeSet<Date> = found.filter(|d| is_public_holiday(*d)).collect();
            assert_eq!(found, wanted, "{year}");
        }
    }

    #[test]
    fn easter_is_a_sunday_between_22_march_and_25_april_in_every_year() {
        for year in 1583..=9999 {
            let easter = easter_sunday(year);
            assert_eq!(easter.weekday(), Weekday::Sunday, "{easter}");
            assert!(
                ((3, 22)..=(4, 25)).contains(&(easter.month(), easter.day())),
                "{easter}"
            );
        }
    }

    #[test]
    fn working_days_leave_out_weekends_and_holidays_but_not_christmas_eve() {
        for (date, working) in [
            ("2026-04-01", true),
            ("2026-04-02", false),
            ("2026-04-04", false),
            ("2026-04-07", true),
            ("2026-05-17", false),
            ("2027-05-17", false),
            ("2026-12-24", true),
            ("2026-12-25", false),
            ("2026-12-31", true),
            ("2026-11-21", false),
            ("2026-11-23", true),
        ] {
            assert_eq!(is_working_day(date.parse().unwrap()), working, "{date}");
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    #[test]
    fn days_are_added_on_the_clocks_of_oslo() {
        for (from, days, to) in [
            ("2026-03-28T10:00:00+01:00", 1, "2026-03-29T10:00:00+02:00"),
            ("2026-03-28T02:30:00+01:00", 1, "2026-03-29T03:30:00+02:00"),
            ("2026-10-24T12:00:00+02:00", 7, "2026-10-31T12:00:00+01:00"),
            ("2026-10-24T02:30:00+02:00", 1, "2026-10-25T02:30:00+02:00"),
        ] {
            assert_eq!(add_days_oslo(at(from), days), at(to), "{from} + {days}");
        }
        assert_eq!(add_days_oslo(Timestamp::NEVER, 7), Timestamp::NEVER);
    }

    #[test]
    fn months_are_calendar_months_in_oslo() {
        for (from, to) in [
            ("2026-08-31T12:00:00+02:00", "2025-02-28T12:00:00+01:00"),
            ("2025-08-31T12:00:00+02:00", "2024-02-29T12:00:00+01:00"),
            ("2026-06-30T23:30:00Z", "2025-01-01T00:30:00Z"),
            ("2026-06-30T21:30:00Z", "2024-12-30T22:30:00Z"),
        ] {
            assert_eq!(months_before(at(from), 18), at(to), "{from}");
        }
    }
}
