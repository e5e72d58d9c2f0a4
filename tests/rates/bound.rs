//! The points of no return, read from the log as an operator would, and the bound on them.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use budstikke::telemetry::logging::{Format, subscriber};
use parking_lot::Mutex;
use serde_json::Value;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A slot more than this late is given up.
pub(crate) const TOLERANCE: Duration = Duration::from_millis(50);

/// One message past its point of no return.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    pub gateway: String,
    pub at_us: u64,
    pub late_us: u64,
    pub parts: u64,
}

static LOG: LazyLock<Log> = LazyLock::new(Log::begin);

/// The log of this process.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Listens to the points of no return from now on.
    pub fn listen() -> Self {
        LOG.clone()
    }

    fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let made = subscriber(Format::Json, "off,budstikke::wire=debug", move || {
            writer.clone()
        });
        made.unwrap().try_init().unwrap();
        log
    }

    /// What passed towards `gateway` so far, in order.
    pub fn passed(&self, gateway: &str) -> Vec<Passed> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        let mut passed: Vec<Passed> = text.lines().map(read).collect();
        passed.retain(|one| one.gateway == gateway);
        passed.sort_by_key(|one| one.at_us);
        passed
    }
}

fn read(line: &str) -> Passed {
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["target"], "budstikke::wire");
    Passed {
        gateway: line["gateway.name"].as_str().unwrap().to_owned(),
        at_us: line["at_us"].as_u64().unwrap(),
        late_us: line["late_us"].as_u64().unwrap(),
        parts: line["parts"].as_u64().unwrap(),
    }
}

/// The most parts by which any window holds more than `rate · W`; the bound allows
/// `rate · 50 ms + b`.
pub fn excess(passed: &[Passed], rate: f64) -> f64 {
    let Some(first) = passed.first() else {
        return 0.0;
    };
    let (mut before, mut lowest, mut most) = (0.0, f64::INFINITY, 0.0_f64);
    for one in passed {
        let allowed = (one.at_us - first.at_us) as f64 / 1e6 * rate;
        lowest = f64::min(lowest, before - allowed);
        before += one.parts as f64;
        most = most.max(before - allowed - lowest);
    }
    most
}

/// Holds all windows against `rate · (W + 50 ms) + burst`.
pub fn assert_bound(passed: &[Passed], rate: f64, burst: f64) {
    let excess = excess(passed, rate);
    let allowed = rate * TOLERANCE.as_secs_f64() + burst;
    assert!(
        excess <= allowed + 0.01,
        "{excess:.2} above the rate, {allowed:.2} allowed, of {} messages at {rate}/s",
        passed.len()
    );
    assert!(
        passed.iter().all(|one| one.late_us <= 50_000),
        "outside a slot"
    );
}

#[test]
fn an_excess_is_found_in_the_middle() {
    let at = |at_us, parts| Passed {
        gateway: String::new(),
        at_us,
        late_us: 0,
        parts,
    };
    let even: Vec<Passed> = (0..100).map(|n| at(n * 100_000, 1)).collect();
    assert!((excess(&even, 10.0) - 1.0).abs() < 1e-6);
    let mut crowded = even;
    crowded.insert(50, at(4_950_000, 7));
    assert!((excess(&crowded, 10.0) - 8.0).abs() < 0.6);
}
