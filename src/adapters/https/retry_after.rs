//! `Retry-After` (RFC 9110 section 10.2.3): seconds or an HTTP date.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// Nobody can stop us for longer than this with one header.
const LONGEST: Duration = Duration::from_hours(1);

/// How long to wait from `now`; at most one hour, zero for a date that has passed. `None` if the
/// value is neither.
pub(in crate::adapters) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let at = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(value)
            .ok()?;
        Timestamp::from_jiff(at).since(now)
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        let now = Timestamp::from_jiff("2030-01-02T09:00:00Z".parse().unwrap());
        for (value, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("Wed, 02 Jan 2030 09:00:30 GMT", Some(30)),
            ("Wed, 02 Jan 2030 08:00:00 GMT", Some(0)),
            ("Thu, 02 Jan 2031 09:00:00 GMT", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(parse(value, now), expected, "{value:?}");
        }
    }
}
