//! `[metrics]`: what `/metrics` tells Prometheus.

use super::reader::section;

section! {
    /// Metrics.
    Metrics {
        /// Whether `/metrics` answers.
        enabled: bool,
        /// Upper bounds of the buckets of histograms of durations, in seconds, rising.
        buckets: Vec<f64>,
    }
}
