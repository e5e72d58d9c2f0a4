//! The point of no return, as the workers log it: one line of target `budstikke::wire` before each
//! first byte.

use std::path::Path;

use serde_json::Value;

use super::worker::read;

/// One try at its point of no return.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Start {
    /// `CLOCK_MONOTONIC`, microseconds.
    pub(crate) at_us: i64,
    /// How late within its slot, microseconds.
    pub(crate) late_us: i64,
    /// SMS parts, or 1.
    pub(crate) parts: u32,
    /// Gateway or relay.
    pub(crate) gateway: String,
}

/// Everything that the log of one worker tells.
pub(crate) fn starts(log: &Path) -> Vec<Start> {
    let text = read(log);
    text.lines()
        .filter(|line| line.contains("\"budstikke::wire\""))
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            if line["target"] != "budstikke::wire" {
                return None;
            }
            Some(Start {
                at_us: line["at_us"].as_i64()?,
                late_us: line["late_us"].as_i64().unwrap_or_default(),
                parts: u32::try_from(line["parts"].as_u64()?).ok()?,
                gateway: line["gateway.name"].as_str()?.to_owned(),
            })
        })
        .collect()
}
