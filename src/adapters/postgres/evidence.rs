//! What is kept of letters as proof.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::connect::PostgresStore;
use super::error::{Fault, classify, corrupt};
use super::pool::within;
use super::rows::{self, short, small};
use crate::domain::chunk_text;
use crate::domain::ids::{AgencyNo, DeliveryId, JobName, JobNo, Position, Reference};
use crate::domain::kinds::Channel;
use crate::domain::time::Timestamp;
use crate::ports::BoxError;
use crate::ports::store::{
    CHUNK_SIZE, Evidence, LetterDelivery, LetterFact, LetterFile, LetterTry, StoreError, TryOutcome,
};

const PUT: &str = "INSERT INTO letter_fact (delivery, at, data) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[])";

const JOB: &str =
    "SELECT no, rules, accepted_at, cancelled_at FROM job WHERE agency = $1 AND name = $2";
/// A reference holds no character that JSON escapes, so its quoted text is found as it stands.
const CHUNK: &str =
    "SELECT no, refs FROM chunk WHERE job = $1 AND strpos(refs, $2) > 0 ORDER BY no LIMIT 1";
const OPENED: &str = "SELECT at FROM opened WHERE job = $1 AND position = $2";
const DELIVERIES: &str = "SELECT id, state, reason, version, duplicate, silent, changed_at \
    FROM delivery WHERE id BETWEEN $1 AND $2 ORDER BY id";
const TRIES: &str = "SELECT delivery, slot, gateway, intent_at, outcome, outcome_at, \
        COALESCE(provider_ref, queue_id) \
    FROM try WHERE delivery BETWEEN $1 AND $2 ORDER BY intent_at, delivery, slot, no";
const FACTS: &str = "SELECT delivery, at, data FROM letter_fact \
    WHERE delivery BETWEEN $1 AND $2 ORDER BY at, delivery";

#[async_trait]
impl Evidence for PostgresStore {
    async fn put_letter_facts(&self, facts: &[LetterFact]) -> Result<(), StoreError> {
        if facts.is_empty() {
            return Ok(());
        }
        let deliveries: Vec<i64> = facts.iter().map(|fact| fact.delivery.0).collect();
        let ats: Vec<i64> = facts.iter().map(|fact| fact.at.0).collect();
        let data: Vec<&str> = facts.iter().map(|fact| fact.data.as_str()).collect();
        let put = sqlx::query(PUT).bind(deliveries).bind(ats).bind(data);
        self.execute(put).await.map(drop)
    }

    async fn letter_file(
        &self,
        agency: AgencyNo,
        name: &JobName,
        reference: &Reference,
    ) -> Result<Option<LetterFile>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(classify)?;
        let read = read(&mut connection, agency, name, reference);
        let file = within(self.answer_timeout, read).await;
        self.returned(connection, file)
    }
}

async fn read(
    connection: &mut PgConnection,
    agency: AgencyNo,
    name: &JobName,
    reference: &Reference,
) -> Result<Option<LetterFile>, Fault> {
    let job = sqlx::query(JOB).bind(agency.0).bind(name.as_str());
    let Some(job) = job.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let no = JobNo(job.try_get(0)?);
    let Some(position) = position(connection, no, reference).await? else {
        return Ok(None);
    };
    let first = DeliveryId::of(no, position, 0, Channel::Sms).0;
    let last = DeliveryId::of(no, position, 7, Channel::Email).0;
    let opened = sqlx::query_scalar(OPENED).bind(no.0).bind(short(position));
    let opened: Option<i64> = opened.fetch_optional(&mut *connection).await?;
    let mut all = async |statement: &'static str| {
        let rows = sqlx::query(statement).bind(first).bind(last);
        rows.fetch_all(&mut *connection).await
    };
    let (deliveries, tries, facts) = (all(DELIVERIES).await?, all(TRIES).await?, all(FACTS).await?);
    let rules: &str = job.try_get(1)?;
    Ok(Some(LetterFile {
        rules: chunk_text::decode_rules(rules).map_err(|source| corrupt("job", no, source))?,
        accepted_at: Timestamp(job.try_get(2)?),
        cancelled_at: job.try_get::<Option<i64>, _>(3)?.map(Timestamp),
        opened_at: opened.map(Timestamp),
        deliveries: deliveries.iter().map(delivery).collect::<Result<_, _>>()?,
        tries: tries.iter().map(one_try).collect::<Result<_, _>>()?,
        facts: facts.iter().map(fact).collect::<Result<_, _>>()?,
    }))
}

async fn position(
    connection: &mut PgConnection,
    job: JobNo,
    reference: &Reference,
) -> Result<Option<Position>, Fault> {
    let chunk = sqlx::query(CHUNK)
        .bind(job.0)
        .bind(format!("\"{reference}\""));
    let Some(row) = chunk.fetch_optional(connection).await? else {
        return Ok(None);
    };
    let no = small(row.try_get(0)?);
    let references = rows::references(job, no, row.try_get(1)?)?;
    let place = references.iter().position(|known| known == reference);
    Ok(place
        .and_then(|place| Position::try_from(place).ok())
        .map(|place| no * CHUNK_SIZE + place))
}

fn delivery(row: &PgRow) -> Result<LetterDelivery, Fault> {
    let id = DeliveryId(row.try_get(0)?);
    Ok(LetterDelivery {
        delivery: id,
        state: rows::state(row.try_get(1)?, id)?,
        reason: rows::reason(row.try_get(2)?, id)?,
        version: row.try_get(3)?,
        possible_duplicate: row.try_get(4)?,
        silent: row.try_get(5)?,
        changed_at: Timestamp(row.try_get(6)?),
    })
}

fn one_try(row: &PgRow) -> Result<LetterTry, Fault> {
    let id = DeliveryId(row.try_get(0)?);
    let intent_at = Timestamp(row.try_get(3)?);
    let code: Option<i16> = row.try_get(4)?;
    let at: Option<i64> = row.try_get(5)?;
    let outcome = match code {
        None => None,
        Some(code) => {
            let outcome = TryOutcome::from_code(code)
                .ok_or_else(|| corrupt("try", id, BoxError::from("its outcome")))?;
            Some((outcome, at.map_or(intent_at, Timestamp)))
        }
    };
    Ok(LetterTry {
        delivery: id,
        slot: u8::try_from(row.try_get::<i16, _>(1)?).unwrap_or(1),
        gateway: row.try_get(2)?,
        intent_at,
        outcome,
        provider_reference: row.try_get(6)?,
    })
}

fn fact(row: &PgRow) -> Result<LetterFact, Fault> {
    Ok(LetterFact {
        delivery: DeliveryId(row.try_get(0)?),
        at: Timestamp(row.try_get(1)?),
        data: row.try_get(2)?,
    })
}
