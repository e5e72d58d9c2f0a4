//! The table at the end.

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};

use crate::parts::say::{load_average, say};

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It is not measured here but by tests of the pure functions.
    PureTest,
    /// It is told for the reader, without a bound.
    Told,
}

/// One statement.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    statement: String,
    bound: String,
    measured: String,
    holds: Holds,
}

impl Row {
    /// A measured statement.
    pub(crate) fn new(
        statement: impl Into<String>,
        bound: impl Into<String>,
        measured: impl Into<String>,
        holds: bool,
    ) -> Self {
        Self {
            statement: statement.into(),
            bound: bound.into(),
            measured: measured.into(),
            holds: if holds { Holds::Yes } else { Holds::No },
        }
    }

    /// A measure without a bound.
    pub(crate) fn told(statement: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            holds: Holds::Told,
            ..Self::new(statement, "–", measured, true)
        }
    }

    /// A statement that tests of pure functions hold.
    pub(crate) fn pure(statement: impl Into<String>, tests: impl Into<String>) -> Self {
        Self {
            holds: Holds::PureTest,
            ..Self::new(statement, "pure test", tests, true)
        }
    }

    /// A scenario that could not be played to its end.
    pub(crate) fn broken(name: &str, error: &anyhow::Error) -> Self {
        Self::new(
            format!("{name} could not be played"),
            "–",
            format!("{error:#}"),
            false,
        )
    }
}

/// Prints the table; whether every statement holds.
pub(crate) fn show(rows: &[Row], took: Duration) -> bool {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["statement", "bound", "measured", "ok"]);
    if !table.is_tty() {
        table.set_width(150);
    }
    for row in rows {
        let ok = match row.holds {
            Holds::Yes => "yes",
            Holds::No => "NO",
            Holds::PureTest => "test",
            Holds::Told => "",
        };
        table.add_row([&row.statement, &row.bound, &row.measured, ok]);
    }
    say(table.to_string());
    let broken = rows.iter().filter(|row| row.holds == Holds::No).count();
    say(format!(
        "{} statements, {broken} of them do not hold; {:.0} s, load average {:.1}",
        rows.len(),
        took.as_secs_f64(),
        load_average()
    ));
    broken == 0
}
