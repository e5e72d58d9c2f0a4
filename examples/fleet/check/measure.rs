//! Arithmetic over moments.

use std::time::Duration;

use super::table::Row;
use crate::parts::steady::micros;

/// A slot reached later than this is given up.
const TOLERANCE_S: f64 = 0.050;

/// When, and how many parts.
pub(crate) type Point = (i64, u32);

/// The most parts within any window of a length; `points` in order of time.
pub(crate) fn most_within(points: &[Point], window: Duration) -> u64 {
    let window = micros(window);
    let (mut from, mut sum, mut most) = (0, 0_u64, 0_u64);
    for (at, parts) in points {
        sum += u64::from(*parts);
        while let Some((first, gone)) = points.get(from)
            && at - first >= window
        {
            sum -= u64::from(*gone);
            from += 1;
        }
        most = most.max(sum);
    }
    most
}

/// Parts within `from..until`.
pub(crate) fn parts_in(points: &[Point], from: i64, until: i64) -> u64 {
    let inside = points.iter().filter(|(at, _)| (from..until).contains(at));
    inside.map(|(_, parts)| u64::from(*parts)).sum()
}

/// Share of what the rate allows within `from..until`.
pub(crate) fn utilisation(points: &[Point], rate: f64, from: i64, until: i64) -> f64 {
    parts_in(points, from, until) as f64 / (rate * (until - from) as f64 / 1e6)
}

/// The statement that no window holds more than r·(W + 50 ms + jitter) + b parts; `jitter` in
/// seconds is what the measurement itself may be late.
pub(crate) fn rate_row(
    statement: &str,
    points: &[Point],
    rate: f64,
    burst: u32,
    windows: &[f64],
    jitter: f64,
) -> Row {
    let (mut holds, mut bounds, mut found) = (true, Vec::new(), Vec::new());
    for window in windows {
        let bound = rate * (window + TOLERANCE_S + jitter) + f64::from(burst);
        let most = most_within(points, Duration::from_secs_f64(*window));
        holds &= most as f64 <= bound;
        bounds.push(format!("{bound:.1} in {window} s"));
        found.push(most.to_string());
    }
    holds &= !points.is_empty();
    let granted = if jitter > 0.0 {
        format!(" (jitter {:.0} ms)", jitter * 1e3)
    } else {
        String::new()
    };
    Row::new(
        statement,
        format!("≤ {}{granted}", bounds.join(", ")),
        found.join(", "),
        holds,
    )
}

/// The `share`-th part of the values, by rank; 0 of none.
pub(crate) fn percentile(values: &[i64], share: f64) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Jain's index of fairness: 1 when all are equal.
pub(crate) fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 {
        return 0.0;
    }
    sum * sum / (values.len() as f64 * squares)
}
