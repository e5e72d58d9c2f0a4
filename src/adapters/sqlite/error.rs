//! What goes wrong inside a transaction, and what the caller is told.

use std::fmt;

use crate::ports::BoxError;
use crate::ports::store::StoreError;

/// Either the database's own error or one that is already the store's.
#[derive(Debug)]
pub(super) enum Failure {
    /// From sqlx.
    Database(sqlx::Error),
    /// Ours.
    Store(StoreError),
}

/// The result of work inside a transaction.
pub(super) type Work<T> = Result<T, Failure>;

impl From<sqlx::Error> for Failure {
    fn from(source: sqlx::Error) -> Self {
        Self::Database(source)
    }
}

impl From<StoreError> for Failure {
    fn from(source: StoreError) -> Self {
        Self::Store(source)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(source) => unavailable(source),
            Failure::Store(source) => source,
        }
    }
}

/// The database did not do it.
pub(super) fn unavailable(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable(source.into())
}

/// A row that does not decode. `source` must quote nothing personal.
pub(super) fn corrupt(
    table: &'static str,
    id: impl fmt::Display,
    source: impl Into<BoxError>,
) -> StoreError {
    StoreError::Corrupt {
        table,
        id: id.to_string(),
        source: source.into(),
    }
}
