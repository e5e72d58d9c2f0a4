//! Intents: tries are written, and their slots taken, before the first byte.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, Row};
use tokio::time::Instant;

use super::entries::{Verdict, judge, take_covers, target};
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::now;
use crate::adapters::postgres::rows::int;
use crate::domain::ids::JobNo;
use crate::domain::pace::{Slots, take};
use crate::domain::time::Timestamp;
use crate::ports::store::{Granted, IntentBatch, Intents, Refused, StoreError};

/// Holds the claims (whoever lets go of them waits), the jobs (who cancels waits; the counting of
/// open deliveries does not) and the bucket, in this order, and only then reads the clock: an
/// expression beside `FOR UPDATE` would be evaluated before the wait.
const HOLD: &str = concat!(
    "WITH c AS MATERIALIZED ( \
        SELECT id FROM claim WHERE id = ANY($1) ORDER BY id FOR KEY SHARE), \
     j AS MATERIALIZED ( \
        SELECT no, cancelled_at FROM job WHERE no = ANY($2) ORDER BY no FOR KEY SHARE), \
     b AS MATERIALIZED ( \
        SELECT tat, paused_until FROM bucket \
        WHERE name = $3 AND (SELECT count(*) FROM c) >= 0 AND (SELECT count(*) FROM j) >= 0 \
        FOR UPDATE) \
     SELECT tat, paused_until, ",
    now!(),
    ", (SELECT array_agg(no) FROM j WHERE cancelled_at IS NOT NULL) FROM b"
);
const NEW_BUCKET: &str = "INSERT INTO bucket (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";

/// Rows that are tried on the other channel than planned take its id. Nothing refers to them yet.
const SWITCH: &str = "UPDATE delivery d SET id = s.target \
    FROM unnest($1::bigint[], $2::bigint[]) AS s (id, target) WHERE d.id = s.id";

/// The constraint `try_live` has the last word on what is live.
const WRITE: &str = "WITH paid AS (UPDATE bucket SET tat = $6 WHERE name = $5) \
    INSERT INTO try (delivery, slot, no, claim, gateway, intent_at) \
    SELECT t.delivery, t.slot, t.no, t.claim, $5, $7 \
    FROM unnest($1::bigint[], $2::smallint[], $3::int[], $4::bigint[]) \
        AS t (delivery, slot, no, claim) \
    ON CONFLICT DO NOTHING RETURNING delivery";

pub(super) async fn intend(
    store: &PostgresStore,
    batch: IntentBatch,
) -> Result<Intents, StoreError> {
    let batch = Arc::new(batch);
    let (mut intents, read_at) = store
        .transact(move |connection| {
            let batch = Arc::clone(&batch);
            Box::pin(async move { run(connection, &batch).await })
        })
        .await?;
    intents.read_ago = read_at.elapsed();
    Ok(intents)
}

/// What is held while the batch is decided.
struct Held {
    tat: Timestamp,
    paused_until: Option<Timestamp>,
    now: Timestamp,
    /// When `now` was read, on our own clock; the wait for the locks lies before it.
    read_at: Instant,
    cancelled: HashSet<JobNo>,
}

async fn run(
    connection: &mut PgConnection,
    batch: &IntentBatch,
) -> Result<(Intents, Instant), Fault> {
    let held = hold(connection, batch).await?;
    let mut verdict = judge(connection, &batch.entries, &held.cancelled).await?;
    let slots = take(
        batch.rate,
        held.tat,
        held.paused_until,
        held.now.plus(batch.lead),
        batch.ahead,
        verdict.eligible.iter().map(|i| batch.entries[*i].cost),
    );
    let mut granted: Vec<Granted> = verdict
        .eligible
        .iter()
        .zip(&slots.starts)
        .map(|(index, start)| Granted {
            index: *index,
            starts_in: start.since(held.now),
        })
        .collect();
    if !granted.is_empty() {
        cover(connection, batch, &mut granted, &mut verdict).await?;
        write(connection, batch, &held, &slots, &mut granted, &mut verdict).await?;
    }
    verdict.refused.sort_unstable_by_key(|(index, _)| *index);
    let intents = Intents {
        granted,
        refused: verdict.refused,
        next_in: slots.next_in,
        read_ago: Duration::ZERO,
    };
    Ok((intents, held.read_at))
}

async fn hold(connection: &mut PgConnection, batch: &IntentBatch) -> Result<Held, Fault> {
    let claims: HashSet<i64> = batch.entries.iter().map(|entry| entry.claim.0).collect();
    let claims: Vec<i64> = claims.into_iter().collect();
    let jobs: HashSet<i64> = batch.entries.iter().map(|e| e.delivery.job().0).collect();
    let jobs: Vec<i64> = jobs.into_iter().collect();
    loop {
        let row = sqlx::query(HOLD)
            .bind(&claims)
            .bind(&jobs)
            .bind(&batch.gateway)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = row {
            let cancelled: Option<Vec<i64>> = row.try_get(3)?;
            return Ok(Held {
                tat: Timestamp(row.try_get(0)?),
                paused_until: row.try_get::<Option<i64>, _>(1)?.map(Timestamp),
                now: Timestamp(row.try_get(2)?),
                read_at: Instant::now(),
                cancelled: cancelled
                    .unwrap_or_default()
                    .into_iter()
                    .map(JobNo)
                    .collect(),
            });
        }
        // The gateway's first intent ever.
        sqlx::query(NEW_BUCKET)
            .bind(&batch.gateway)
            .execute(&mut *connection)
            .await?;
    }
}

/// Takes the covers of what is granted. What stands behind a granted entry of its own batch, or
/// lost the cover to another batch, is covered.
async fn cover(
    connection: &mut PgConnection,
    batch: &IntentBatch,
    granted: &mut Vec<Granted>,
    verdict: &mut Verdict,
) -> Result<(), Fault> {
    if verdict.covering.is_empty() {
        return Ok(());
    }
    let keys = granted
        .iter()
        .filter_map(|g| Some((g.index, verdict.covering.remove(&g.index)?)))
        .collect::<Vec<_>>();
    let lost = take_covers(connection, &batch.entries, keys.into_iter()).await?;
    let mut holders: HashMap<usize, u16> = granted
        .iter()
        .map(|g| (g.index, batch.entries[g.index].delivery.position()))
        .collect();
    holders.extend(lost.iter().copied());
    for (index, first) in &verdict.behind {
        if let Some(position) = holders.get(first) {
            verdict.refused.push((*index, Refused::Covered(*position)));
        }
    }
    granted.retain(|g| lost.iter().all(|(index, _)| *index != g.index));
    verdict.refused.extend(
        lost.into_iter()
            .map(|(index, position)| (index, Refused::Covered(position))),
    );
    Ok(())
}

async fn write(
    connection: &mut PgConnection,
    batch: &IntentBatch,
    held: &Held,
    slots: &Slots,
    granted: &mut Vec<Granted>,
    verdict: &mut Verdict,
) -> Result<(), Fault> {
    let entries = || granted.iter().map(|g| &batch.entries[g.index]);
    let switched: Vec<_> = entries().filter(|e| target(e) != e.delivery).collect();
    if !switched.is_empty() {
        sqlx::query(SWITCH)
            .bind(switched.iter().map(|e| e.delivery.0).collect::<Vec<_>>())
            .bind(switched.iter().map(|e| target(e).0).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    let written = sqlx::query(WRITE)
        .bind(entries().map(|e| target(e).0).collect::<Vec<_>>())
        .bind(entries().map(|e| i16::from(e.slot)).collect::<Vec<_>>())
        .bind(entries().map(|e| int(e.attempt)).collect::<Vec<_>>())
        .bind(entries().map(|e| e.claim.0).collect::<Vec<_>>())
        .bind(&batch.gateway)
        .bind(slots.tat.0)
        .bind(held.now.0)
        .fetch_all(connection)
        .await?;
    if written.len() == granted.len() {
        return Ok(());
    }
    let written: HashSet<i64> = written
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    granted.retain(|g| {
        let live = !written.contains(&target(&batch.entries[g.index]).0);
        if live {
            verdict.refused.push((g.index, Refused::LiveTry));
        }
        !live
    });
    Ok(())
}
