//! Running statements and transactions.
//!
//! A transaction runs in a task of its own. Dropping a `begin` half-way would otherwise leave a
//! session inside a transaction and hand it to the next borrower (sqlx issues 4385 and 4393), and
//! a caller that goes away could cut a transaction between two statements. The task costs about a
//! microsecond; the cure by `ROLLBACK` at every release would cost a round trip.

use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use tracing::Instrument;

use super::connect::PostgresStore;
use super::error::{Fault, NoAnswer, classify, unavailable};
use crate::ports::store::StoreError;

/// How often work is done again after a deadlock.
const ATTEMPTS: u32 = 5;

const BEGIN: &str = "BEGIN";

/// The server keeps one plan of each statement for every call. Left to itself it plans most of those
/// with arrays anew whenever they are short, since it takes ten rows for what it has not seen: three
/// quarters of the time of settling one result, 0.45 of 0.6 ms.
const BEGIN_PLANNED: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan";

/// A statement with its arguments.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// What a piece of work gives back.
pub(super) type Work<'c, T> = BoxFuture<'c, Result<T, Fault>>;

impl PostgresStore {
    /// Runs one statement by itself and gives its rows.
    pub(super) async fn fetch(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(classify)?;
        let answer = within(self.answer_timeout, statement.fetch_all(&mut *connection)).await;
        self.returned(connection, answer)
    }

    /// Runs one statement by itself and gives the number of rows it changed.
    pub(super) async fn execute(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(classify)?;
        let answer = within(self.answer_timeout, statement.execute(&mut *connection)).await;
        let result = self.returned(connection, answer)?;
        Ok(result.rows_affected())
    }

    /// Gives a connection back with what [`within`] brought.
    pub(super) fn returned<T>(
        &self,
        connection: PoolConnection<Postgres>,
        answer: Option<Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        if let Some(result) = answer {
            return result.map_err(StoreError::from);
        }
        // Back in the pool it would be waited for, and hold its place, for ever.
        drop(connection.detach());
        Err(unavailable(NoAnswer(self.answer_timeout)))
    }

    /// Does work in a transaction, again if it deadlocked; committed when it returns.
    pub(super) async fn transact<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T> + Send + Sync + 'static,
    {
        self.transact_begun(BEGIN, work).await
    }

    /// The same for what every message goes through: its statements are planned once. None of them
    /// may rely on the value of a parameter to be planned well.
    pub(super) async fn transact_planned<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T> + Send + Sync + 'static,
    {
        self.transact_begun(BEGIN_PLANNED, work).await
    }

    async fn transact_begun<T, W>(&self, begin: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T> + Send + Sync + 'static,
    {
        let pool = self.pool.clone();
        let limit = self.answer_timeout;
        let task = async move {
            let mut attempt = 1;
            loop {
                match once(&pool, limit, begin, &work).await {
                    Err(fault) if fault.is_collision() && attempt < ATTEMPTS => attempt += 1,
                    result => return result.map_err(StoreError::from),
                }
            }
        };
        tokio::spawn(task.in_current_span())
            .await
            .map_err(unavailable)?
    }
}

async fn once<T, W>(
    pool: &PgPool,
    limit: Duration,
    begin: &'static str,
    work: &W,
) -> Result<T, Fault>
where
    W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T>,
{
    let mut connection = pool.acquire().await?;
    let whole = async {
        let mut transaction = connection.begin_with(begin).await?;
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok::<T, Fault>(value)
    };
    match within(limit, whole).await {
        Some(result) => result,
        None => {
            drop(connection.detach());
            Err(unavailable(NoAnswer(limit)).into())
        }
    }
}

/// Waits for statements, but not for ever; `None`: they did not answer, and their connection is
/// good for nothing any more.
pub(super) async fn within<T, E: Into<Fault>>(
    limit: Duration,
    statements: impl Future<Output = Result<T, E>>,
) -> Option<Result<T, Fault>> {
    let answer = timeout(limit, statements).await.ok()?;
    Some(answer.map_err(Into::into))
}
