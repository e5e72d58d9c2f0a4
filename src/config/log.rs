//! `[log]`: what is told to the operator.

use super::node::Node;
use super::reader::{Findings, Setting, section};
use super::values::from_text;
use super::words::words;

words! {
    /// How lines look.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

/// Which lines: directives as `RUST_LOG` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The directives.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for LogFilter {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        from_text(node, path, findings, |text| {
            tracing_subscriber::EnvFilter::try_new(text)
                .map(|_filter| Self(text.to_owned()))
                .map_err(|error| format!("is no log filter such as \"info,sqlx=warn\": {error}"))
        })
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.0.clone().into())
    }
}

section! {
    /// The log, on standard error.
    Log {
        /// How lines look.
        format: LogFormat,
        /// Which lines.
        filter: LogFilter,
    }
}
