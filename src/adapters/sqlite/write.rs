//! Transactions on the one connection that writes.

use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tracing::Instrument;

use super::connect::SqliteStore;
use super::error::{Failure, Work, unavailable};
use crate::ports::store::StoreError;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// The connection that writes. sqlx's own transactions are not used: after an error which made
/// SQLite roll back by itself they count one too many for ever.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Option<SqliteConnection>,
    /// A transaction may be open: its task was ended in the middle.
    open: bool,
}

impl Writer {
    pub(super) const fn new(connection: SqliteConnection) -> Self {
        Self {
            connection: Some(connection),
            open: false,
        }
    }

    pub(super) const fn take(&mut self) -> Option<SqliteConnection> {
        self.connection.take()
    }

    /// The connection, outside any transaction.
    pub(super) async fn idle(&mut self) -> Work<&mut SqliteConnection> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(unavailable("the store was closed").into());
        };
        if self.open {
            // An error says that nothing was open any more.
            drop(sqlx::query(ROLLBACK).execute(&mut *connection).await);
            self.open = false;
        }
        Ok(connection)
    }

    async fn transaction<T, F>(&mut self, work: F) -> Work<T>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Work<Verdict<T>>>,
    {
        self.idle().await?;
        let Some(connection) = self.connection.as_mut() else {
            return Err(unavailable("the store was closed").into());
        };
        self.open = true;
        sqlx::query(BEGIN).execute(&mut *connection).await?;
        let result = match work(connection).await {
            Ok(Verdict::Commit(value)) => sqlx::query(COMMIT)
                .execute(&mut *connection)
                .await
                .map(|_done| value)
                .map_err(Failure::from),
            Ok(Verdict::NothingToDo(value)) => {
                self.idle().await?;
                return Ok(value);
            }
            Err(failure) => Err(failure),
        };
        if result.is_ok() {
            self.open = false;
        } else {
            self.idle().await?;
        }
        result
    }
}

/// What becomes of a transaction that went well.
#[derive(Debug)]
pub(super) enum Verdict<T> {
    /// Its changes stay.
    Commit(T),
    /// It changed nothing that should stay; the disk is left alone.
    NothingToDo(T),
}

impl SqliteStore {
    /// Runs `work` in one transaction, in a task of its own: a caller who goes away leaves nothing
    /// open, and the transaction ends one way or the other.
    pub(super) async fn decide<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Work<Verdict<T>>>
            + Send
            + 'static,
    {
        let store = self.clone();
        let task = async move {
            let mut writer = store.inner.writer.lock().await;
            writer.transaction(work).await
        };
        match tokio::spawn(task.in_current_span()).await {
            Ok(result) => result.map_err(StoreError::from),
            Err(ended) => Err(unavailable(ended)),
        }
    }

    /// [`Self::decide`] for work whose changes always stay.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Work<T>> + Send + 'static,
    {
        self.decide(move |connection| {
            Box::pin(async move { work(connection).await.map(Verdict::Commit) })
        })
        .await
    }
}
