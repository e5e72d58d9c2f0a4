//! Jobs by their persons.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sqlx::{PgConnection, Row};

use super::connect::PostgresStore;
use super::error::{Fault, classify};
use super::jobs::notifications::position_facts;
use super::pool::within;
use super::rows::{JobRow, job_columns, short, small};
use crate::domain::ids::{JobNo, Position};
use crate::domain::job::To;
use crate::domain::person::PersonNumber;
use crate::ports::store::{History, NewJob, PersonMessage, StoreError};

const PUT: &str = "INSERT INTO person_job (person, job, position) \
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::smallint[]) ON CONFLICT DO NOTHING";

const LATEST: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", p.position FROM person_job p JOIN job j ON j.no = p.job \
      WHERE p.person = $1 ORDER BY p.job DESC, p.position LIMIT $2"
);

/// Notes which persons new jobs are to.
pub(super) async fn note<'j>(
    connection: &mut PgConnection,
    jobs: impl Iterator<Item = (JobNo, &'j NewJob)>,
) -> Result<(), Fault> {
    let (mut persons, mut numbers, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for (no, job) in jobs {
        for (position, recipient) in (0u16..).zip(&job.job.recipients) {
            match &recipient.to {
                To::Person(person) => {
                    persons.push(person.expose());
                    numbers.push(no.0);
                    positions.push(short(position));
                }
                To::Phone(_) | To::Email(_) => {}
            }
        }
    }
    if persons.is_empty() {
        return Ok(());
    }
    let put = sqlx::query(PUT).bind(persons).bind(numbers).bind(positions);
    put.execute(connection).await?;
    Ok(())
}

#[async_trait]
impl History for PostgresStore {
    fn keep_history(&self) {
        self.history.store(true, Ordering::Release);
    }

    async fn messages_to(
        &self,
        person: &PersonNumber,
        limit: u32,
    ) -> Result<Vec<PersonMessage>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(classify)?;
        let read = read(&mut connection, person, limit);
        let messages = within(self.answer_timeout, read).await;
        self.returned(connection, messages)
    }
}

async fn read(
    connection: &mut PgConnection,
    person: &PersonNumber,
    limit: u32,
) -> Result<Vec<PersonMessage>, Fault> {
    let rows = sqlx::query(LATEST)
        .bind(person.expose())
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
    let mut messages = Vec::new();
    for row in &rows {
        let job = JobRow::read(row)?;
        let position: Position = small(row.try_get(12)?);
        let facts = position_facts(connection, &job, position).await?;
        messages.extend(facts.into_iter().map(|fact| PersonMessage {
            agency: job.agency,
            fact,
        }));
    }
    Ok(messages)
}
