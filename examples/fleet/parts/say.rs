//! Lines for whoever started the program.

use std::io::Write as _;

/// Progress, on standard error.
pub(crate) fn note(line: impl AsRef<str>) {
    // Nobody is left to be told that standard error is closed.
    drop(writeln!(std::io::stderr(), "{}", line.as_ref()));
}

/// The result, on standard output.
pub(crate) fn say(line: impl AsRef<str>) {
    drop(writeln!(std::io::stdout(), "{}", line.as_ref()));
}

/// The load average of the machine over one minute.
pub(crate) fn load_average() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}
