//! Jobs by their persons.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use super::jobs::view::{FactRow, facts};
use super::rows::{execute_all, narrow};
use crate::domain::chunk_text;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position};
use crate::domain::job::To;
use crate::domain::kinds::Channel;
use crate::domain::person::PersonNumber;
use crate::ports::store::{History, NewJob, PersonMessage, StoreError};

const PUT: &str = "INSERT INTO person_job (person, job, position)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE TRUE
    ON CONFLICT DO NOTHING";

const LATEST: &str = "SELECT p.job, p.position, j.agency, j.name, j.rules
    FROM person_job p JOIN job j ON j.no = p.job
    WHERE p.person = ?1 ORDER BY p.job DESC, p.position LIMIT ?2";

/// So many ids has a position: eight occasions on two channels.
const OF_A_POSITION: i64 = 16;

const FACTS: &str = "SELECT d.id, d.state, d.reason, d.version, d.duplicate, d.covered_by,
        d.changed_at, d.chosen, d.fixed,
        (SELECT max(t.slot) FROM try t WHERE t.delivery = d.id
            AND t.freed = 0 AND t.outcome IS NULL)
    FROM delivery d
    WHERE d.id BETWEEN ?1 AND ?2 AND d.silent = 0
    ORDER BY d.id";

/// Notes which persons new jobs are to.
pub(super) async fn note<'j>(
    connection: &mut SqliteConnection,
    jobs: impl Iterator<Item = (JobNo, &'j NewJob)>,
) -> Work<()> {
    let rows: Vec<_> = jobs
        .flat_map(|(no, job)| {
            let recipients = (0u16..).zip(&job.job.recipients);
            recipients.filter_map(move |(position, recipient)| match &recipient.to {
                To::Person(person) => Some((person.expose(), no.0, position)),
                To::Phone(_) | To::Email(_) => None,
            })
        })
        .collect();
    execute_all(connection, PUT, &rows).await.map(drop)
}

type Latest = (i64, i64, i32, String, String);

#[async_trait]
impl History for SqliteStore {
    fn keep_history(&self) {
        self.inner.history.store(true, Ordering::Release);
    }

    async fn messages_to(
        &self,
        person: &PersonNumber,
        limit: u32,
    ) -> Result<Vec<PersonMessage>, StoreError> {
        let mut connection = self.readers().acquire().await.map_err(Failure::from)?;
        let jobs: Vec<Latest> = sqlx::query_as(LATEST)
            .bind(person.expose())
            .bind(limit)
            .fetch_all(&mut *connection)
            .await
            .map_err(Failure::from)?;
        let mut messages = Vec::new();
        for row in &jobs {
            messages.extend(of_job(&mut connection, row).await?);
        }
        Ok(messages)
    }
}

async fn of_job(
    connection: &mut SqliteConnection,
    (no, position, agency, name, rules): &Latest,
) -> Work<Vec<PersonMessage>> {
    let job = JobNo(*no);
    let position: Position = narrow("person_job", *no, *position)?;
    let name = JobName::parse(name).map_err(|source| corrupt("job", no, source))?;
    let rules = chunk_text::decode_rules(rules).map_err(|source| corrupt("job", no, source))?;
    let first = DeliveryId::of(job, position, 0, Channel::Sms);
    let found: Vec<FactRow> = sqlx::query_as(FACTS)
        .bind(first.0)
        .bind(first.0 + OF_A_POSITION - 1)
        .fetch_all(&mut *connection)
        .await?;
    let facts = facts(connection, job, &name, rules.class, &found).await?;
    let message = |fact| PersonMessage {
        agency: AgencyNo(*agency),
        fact,
    };
    Ok(facts.into_iter().map(message).collect())
}
