//! What is kept of letters as proof.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::connect::SqliteStore;
use super::error::{Failure, Work, corrupt};
use super::rows::{self, execute_all, narrow};
use crate::domain::chunk_text;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position, Reference};
use crate::domain::kinds::Channel;
use crate::domain::time::Timestamp;
use crate::ports::store::{
    CHUNK_SIZE, Evidence, LetterDelivery, LetterFact, LetterFile, LetterTry, StoreError, TryOutcome,
};

const PUT: &str = "INSERT INTO letter_fact (delivery, at, data)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) ORDER BY key";

const JOB: &str =
    "SELECT no, rules, accepted_at, cancelled_at FROM job WHERE agency = ?1 AND name = ?2";
/// A reference holds no character that JSON escapes, so its quoted text is found as it stands.
const CHUNK: &str =
    "SELECT no, refs FROM chunk WHERE job = ?1 AND instr(refs, ?2) > 0 ORDER BY no LIMIT 1";
const OPENED: &str = "SELECT at FROM opened WHERE job = ?1 AND position = ?2";
const DELIVERIES: &str = "SELECT id, state, reason, version, duplicate, silent, changed_at
    FROM delivery WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
const TRIES: &str = "SELECT delivery, slot, gateway, intent_at, outcome, outcome_at,
        coalesce(provider_ref, queue_id)
    FROM try WHERE delivery BETWEEN ?1 AND ?2 ORDER BY intent_at, delivery, slot, no";
const FACTS: &str = "SELECT delivery, at, data FROM letter_fact
    WHERE delivery BETWEEN ?1 AND ?2 ORDER BY at, delivery";

type DeliveryRow = (i64, i64, Option<i64>, i64, bool, bool, i64);
type TryRow = (
    i64,
    i64,
    String,
    i64,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

#[async_trait]
impl Evidence for SqliteStore {
    async fn put_letter_facts(&self, facts: &[LetterFact]) -> Result<(), StoreError> {
        if facts.is_empty() {
            return Ok(());
        }
        let rows: Vec<(i64, i64, String)> = facts
            .iter()
            .map(|fact| (fact.delivery.0, fact.at.0, fact.data.clone()))
            .collect();
        self.write(move |connection| {
            Box::pin(async move { execute_all(connection, PUT, &rows).await.map(drop) })
        })
        .await
    }

    async fn letter_file(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
    ) -> Result<Option<LetterFile>, StoreError> {
        let mut connection = self.readers().acquire().await.map_err(Failure::from)?;
        Ok(read(&mut connection, agency, name, reference).await?)
    }
}

async fn read(
    connection: &mut SqliteConnection,
    agency: AgencyNo,
    name: &JobName,
    reference: &Reference,
) -> Work<Option<LetterFile>> {
    let job: Option<(i64, String, i64, Option<i64>)> = sqlx::query_as(JOB)
        .bind(agency.0)
        .bind(name.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some((no, rules, accepted_at, cancelled_at)) = job else {
        return Ok(None);
    };
    let Some(position) = position(connection, no, reference).await? else {
        return Ok(None);
    };
    let first = DeliveryId::of(JobNo(no), position, 0, Channel::Sms).0;
    let last = DeliveryId::of(JobNo(no), position, 7, Channel::Email).0;
    let opened: Option<i64> = sqlx::query_scalar(OPENED)
        .bind(no)
        .bind(position)
        .fetch_optional(&mut *connection)
        .await?;
    let deliveries: Vec<DeliveryRow> = sqlx::query_as(DELIVERIES)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
    let tries: Vec<TryRow> = sqlx::query_as(TRIES)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
    let facts: Vec<(i64, i64, String)> = sqlx::query_as(FACTS)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
    let fact = |(delivery, at, data)| LetterFact {
        delivery: DeliveryId(delivery),
        at: Timestamp(at),
        data,
    };
    Ok(Some(LetterFile {
        rules: chunk_text::decode_rules(&rules).map_err(|source| corrupt("job", no, source))?,
        accepted_at: Timestamp(accepted_at),
        cancelled_at: cancelled_at.map(Timestamp),
        opened_at: opened.map(Timestamp),
        deliveries: deliveries.into_iter().map(delivery).collect::<Work<_>>()?,
        tries: tries.into_iter().map(one_try).collect::<Work<_>>()?,
        facts: facts.into_iter().map(fact).collect(),
    }))
}

async fn position(
    connection: &mut SqliteConnection,
    job: i64,
    reference: &Reference,
) -> Work<Option<Position>> {
    let chunk: Option<(u16, String)> = sqlx::query_as(CHUNK)
        .bind(job)
        .bind(format!("\"{reference}\""))
        .fetch_optional(connection)
        .await?;
    let Some((no, references)) = chunk else {
        return Ok(None);
    };
    let references: Vec<Reference> = chunk_text::decode_refs(&references)
        .map_err(|source| corrupt("chunk", format!("{job}/{no}"), source))?;
    let place = references.iter().position(|known| known == reference);
    Ok(place
        .and_then(|place| Position::try_from(place).ok())
        .map(|place| no * CHUNK_SIZE + place))
}

fn delivery(row: DeliveryRow) -> Work<LetterDelivery> {
    let (id, state, reason, version, possible_duplicate, silent, changed_at) = row;
    Ok(LetterDelivery {
        delivery: DeliveryId(id),
        state: rows::state(id, state)?,
        reason: rows::reason(id, reason)?,
        version: narrow("delivery", id, version)?,
        possible_duplicate,
        silent,
        changed_at: Timestamp(changed_at),
    })
}

fn one_try(row: TryRow) -> Work<LetterTry> {
    let (id, slot, gateway, intent_at, code, at, provider_reference) = row;
    let intent_at = Timestamp(intent_at);
    let outcome = match code {
        None => None,
        Some(code) => {
            let known = i16::try_from(code).ok().and_then(TryOutcome::from_code);
            let outcome = known.ok_or_else(|| corrupt("try", id, format!("no outcome {code}")))?;
            Some((outcome, at.map_or(intent_at, Timestamp)))
        }
    };
    Ok(LetterTry {
        delivery: DeliveryId(id),
        slot: narrow("try", id, slot)?,
        gateway,
        intent_at,
        outcome,
        provider_reference,
    })
}
