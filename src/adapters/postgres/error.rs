//! What the database's errors mean to the store.
//!
//! The details of a database error may hold values of a row, so only its code, its fixed message
//! and the names of table and constraint are kept.

use std::time::Duration;

use sqlx::error::DatabaseError;

use crate::ports::BoxError;
use crate::ports::store::StoreError;

/// An error inside a piece of work: of the database, or already the store's.
#[derive(Debug)]
pub(super) enum Fault {
    /// Not classified yet.
    Database(sqlx::Error),
    /// Final.
    Store(StoreError),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// The database rolled the transaction back only because of others: doing it again may work. A
    /// live try that was written meanwhile is seen then.
    pub(super) fn is_collision(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        error.as_database_error().is_some_and(|error| {
            matches!(error.code().as_deref(), Some("40P01" | "40001"))
                || error.constraint() == Some("try_pkey")
        })
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Database(error) => classify(error),
            Fault::Store(error) => error,
        }
    }
}

/// A database error without the values that its details may hold.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL says {code}: {message}")]
struct Refusal {
    code: String,
    message: String,
}

/// The database did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from PostgreSQL within {0:?}")]
pub(super) struct NoAnswer(pub(super) Duration);

/// It cannot be reached.
pub(super) fn unavailable(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable(source.into())
}

/// Sorts an error of sqlx.
pub(super) fn classify(error: sqlx::Error) -> StoreError {
    if let sqlx::Error::ColumnDecode { index, .. } = &error {
        let column = index.clone();
        return corrupt("a result", column, error);
    }
    let Some(refusal) = error.as_database_error() else {
        return unavailable(error);
    };
    let code = refusal.code().unwrap_or_default().into_owned();
    let table = refusal.table().map_or("the database", known_table);
    let source = Refusal {
        message: refusal.message().to_owned(),
        code: code.clone(),
    };
    match code.get(..2) {
        // Values out of range, and constraints.
        Some("22" | "23") => corrupt(
            table,
            refusal.constraint().unwrap_or("of the batch").to_owned(),
            source,
        ),
        // Connection, resources, an operator, the system; and whatever else: later it may work.
        _ => unavailable(source),
    }
}

/// A row that does not decode.
pub(super) fn corrupt(
    table: &'static str,
    id: impl ToString,
    source: impl Into<BoxError>,
) -> StoreError {
    StoreError::Corrupt {
        table,
        id: id.to_string(),
        source: source.into(),
    }
}

/// Whether a table that was asked for is not there at all.
pub(super) fn is_missing_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == "42P01")
}

fn known_table(name: &str) -> &'static str {
    const TABLES: &[&str] = &[
        "agency",
        "fleet",
        "job",
        "chunk",
        "delivery",
        "try",
        "worker",
        "claim",
        "bucket",
        "cover",
        "opened",
        "event",
        "stream",
        "publication",
        "lease",
        "parked_receipt",
        "api_key",
        "contact",
        "page_session",
        "page_code",
        "page_sent",
        "person_job",
    ];
    TABLES
        .iter()
        .find(|table| **table == name)
        .copied()
        .unwrap_or("the database")
}
