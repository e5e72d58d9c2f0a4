//! The log: lines on standard error, for people or as JSON.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// What holds without a configuration: ours from `info`, the libraries' only when they complain.
/// lettre would log whole messages, and sqlx statements with values.
pub const DEFAULT_FILTER: &str = "info,lettre=off,sqlx=error,hyper=warn,lapin=off";

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text(Colour),
    /// One JSON object a line.
    Json,
}

impl Format {
    /// Lines for people, as standard error can show them.
    pub fn text() -> Self {
        Self::Text(Colour::of_stderr())
    }
}

/// Whether lines have colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    Yes,
    /// None.
    No,
}

impl Colour {
    /// Colour when standard error is a terminal, unless `NO_COLOR` is set and not empty
    /// (no-color.org).
    pub fn of_stderr() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if io::stderr().is_terminal() && !refused {
            Self::Yes
        } else {
            Self::No
        }
    }
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The directives cannot be read.
    #[error("log.filter is no log filter such as \"{DEFAULT_FILTER}\"")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Somebody else has set a subscriber.
    #[error("logging has begun already in this process")]
    Begun(#[source] tracing_subscriber::util::TryInitError),
}

/// Sends lines to standard error from now on.
///
/// # Errors
/// [`LoggingError`].
pub fn init(format: Format, filter: &str) -> Result<(), LoggingError> {
    let subscriber = subscriber(format, filter, io::stderr)?;
    subscriber.try_init().map_err(LoggingError::Begun)
}

/// The subscriber that writes lines to `writer`.
///
/// # Errors
/// [`LoggingError::Filter`].
pub fn subscriber<W>(
    format: Format,
    filter: &str,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(LoggingError::Filter)?;
    let lines = fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        Format::Text(colour) => Box::new(lines.with_ansi(colour == Colour::Yes).finish()),
        Format::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn captured(format: Format) -> String {
        let lines = Captured::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, DEFAULT_FILTER, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(gateway.name = "primary", "primary accepted notification 7");
            tracing::debug!("for us");
            tracing::error!(target: "lettre", "a whole message");
            tracing::info!(target: "sqlx::query", "a statement");
        });
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_has_no_colour_unless_asked_for_and_leaves_talkative_libraries_out() {
        let text = captured(Format::Text(Colour::No));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("INFO") && text.contains("primary accepted notification 7"));
        assert!(
            text.contains("gateway.name=\"primary\"") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(captured(Format::Text(Colour::Yes)).contains('\u{1b}'));
    }

    #[test]
    fn json_has_message_and_fields_side_by_side() {
        let line: serde_json::Value = serde_json::from_str(&captured(Format::Json)).unwrap();
        assert_eq!(line["message"], "primary accepted notification 7");
        assert_eq!(line["gateway.name"], "primary");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_manual_and_this_room_agree_about_the_filter() {
        let manual = include_str!("../../config/default.toml");
        assert!(manual.contains(&format!("filter = \"{DEFAULT_FILTER}\"")));
        assert!(subscriber(Format::Json, "info,=x=y", io::sink).is_err());
    }
}
