//! Intents: tries are written, and their slots taken, before the first byte.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, Row};
use tokio::time::Instant;

use super::addresses::admit;
use super::entries::{Verdict, judge, take_covers, target};
use crate::adapters::postgres::connect::PostgresStore;
use crate::adapters::postgres::error::Fault;
use crate::adapters::postgres::now;
use crate::adapters::postgres::rows::int;
use crate::domain::readings::Reading;
use crate::domain::time::Timestamp;
use crate::ports::store::{
    Addressees, BatchSlots, BucketRow, Buckets, Granted, IntentBatch, Intents, Refused, StoreError,
};

/// Holds the claims (whoever lets go of them waits) and the buckets by name, in this order, and only
/// then reads the clock: an expression beside `FOR UPDATE` would be evaluated before the wait. It is read with each bucket;
/// the latest reading is from after the last wait.
const HOLD: &str = concat!(
    "WITH c AS MATERIALIZED ( \
        SELECT id FROM claim WHERE id = ANY($1) ORDER BY id FOR KEY SHARE), \
     b AS MATERIALIZED ( \
        SELECT name, tat, paused_until FROM bucket WHERE name = ANY($2) \
            AND (SELECT count(*) FROM c) >= 0 \
        ORDER BY name COLLATE \"C\" FOR UPDATE) \
     SELECT tat, paused_until, ",
    now!(),
    ", name FROM b"
);
const NEW_BUCKETS: &str = "INSERT INTO bucket (name) SELECT unnest($1::text[]) \
    ON CONFLICT (name) DO NOTHING";

/// Rows that are tried on the other channel than planned take its id. Nothing refers to them yet.
const SWITCH: &str = "UPDATE delivery d SET id = s.target \
    FROM unnest($1::bigint[], $2::bigint[]) AS s (id, target) WHERE d.id = s.id";

/// The key of `try` has the last word on what is live: if another try came since this one was judged,
/// the batch is judged again (see [`Fault::is_collision`]).
const WRITE: &str = "WITH paid AS (UPDATE bucket b SET tat = p.tat \
        FROM unnest($7::text[], $8::bigint[]) AS p (name, tat) WHERE b.name = p.name) \
    INSERT INTO try (delivery, slot, no, claim, gateway, intent_at) \
    SELECT t.delivery, t.slot, t.no, t.claim, $5, $6 \
    FROM unnest($1::bigint[], $2::smallint[], $3::int[], $4::bigint[]) \
        AS t (delivery, slot, no, claim)";

pub(super) async fn intend(
    store: &PostgresStore,
    batch: IntentBatch,
) -> Result<Intents, StoreError> {
    let batch = Arc::new(batch);
    let began = store.began;
    let (mut intents, reading) = store
        .transact_planned(move |connection| {
            let batch = Arc::clone(&batch);
            Box::pin(async move { run(connection, &batch, began).await })
        })
        .await?;
    let read_at = store.readings.lock().place(reading);
    intents.read_ago = began.elapsed().saturating_sub(read_at);
    Ok(intents)
}

/// What is held while the batch is decided.
struct Held {
    buckets: HashMap<String, BucketRow>,
    now: Timestamp,
    /// When `now` was asked for and when it arrived; the wait for the locks lies between.
    reading: Reading,
}

async fn run(
    connection: &mut PgConnection,
    batch: &IntentBatch,
    began: Instant,
) -> Result<(Intents, Reading), Fault> {
    let buckets = Buckets::of(batch);
    let held = hold(connection, batch, &buckets.names(), began).await?;
    let mut verdict = judge(connection, &batch.entries).await?;
    let addressees = Addressees::first_of_each(batch, &mut verdict.eligible);
    let from = held.now.plus(batch.lead);
    let slots = buckets.take(&held.buckets, from, &verdict.eligible);
    let asks = Addressees::asks(batch, &slots);
    let over = admit(connection, batch.address_limits, held.now, &asks).await?;
    let slots = buckets.take_again(&held.buckets, from, slots, &over);
    let also = addressees.also(batch, &over);
    for (index, until) in over.into_iter().chain(also) {
        verdict.refused.push((index, Refused::OverLimit { until }));
    }
    let mut granted: Vec<Granted> = slots
        .starts
        .iter()
        .map(|(index, start)| Granted {
            index: *index,
            starts_in: start.since(held.now),
        })
        .collect();
    if !granted.is_empty() {
        cover(connection, batch, &mut granted, &mut verdict).await?;
        write(connection, batch, &held, &slots, &granted).await?;
    }
    verdict.refused.sort_unstable_by_key(|(index, _)| *index);
    let intents = Intents {
        granted,
        refused: verdict.refused,
        next_in: slots.next_in,
        agencies: slots.agencies,
        read_ago: Duration::ZERO,
    };
    Ok((intents, held.reading))
}

async fn hold(
    connection: &mut PgConnection,
    batch: &IntentBatch,
    names: &[String],
    began: Instant,
) -> Result<Held, Fault> {
    let claims: HashSet<i64> = batch.entries.iter().map(|entry| entry.claim.0).collect();
    let claims: Vec<i64> = claims.into_iter().collect();
    loop {
        let asked = began.elapsed();
        let rows = sqlx::query(HOLD)
            .bind(&claims)
            .bind(names)
            .fetch_all(&mut *connection)
            .await?;
        if rows.len() < names.len() {
            // The first intent ever of a gateway, or of an agency with a rate of its own.
            sqlx::query(NEW_BUCKETS)
                .bind(names)
                .execute(&mut *connection)
                .await?;
            continue;
        }
        let arrived = began.elapsed();
        let mut now = Timestamp(0);
        let mut buckets = HashMap::with_capacity(rows.len());
        for row in &rows {
            let bucket = BucketRow {
                tat: Timestamp(row.try_get(0)?),
                paused_until: row.try_get::<Option<i64>, _>(1)?.map(Timestamp),
            };
            now = now.max(Timestamp(row.try_get(2)?));
            buckets.insert(row.try_get(3)?, bucket);
        }
        let reading = Reading {
            asked,
            arrived,
            said: now,
        };
        return Ok(Held {
            buckets,
            now,
            reading,
        });
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
    slots: &BatchSlots,
    granted: &[Granted],
) -> Result<(), Fault> {
    let all = granted.iter().map(|g| &batch.entries[g.index]);
    let entries = || all.clone().filter(|entry| !entry.again);
    let switched: Vec<_> = entries().filter(|e| target(e) != e.delivery).collect();
    if !switched.is_empty() {
        sqlx::query(SWITCH)
            .bind(switched.iter().map(|e| e.delivery.0).collect::<Vec<_>>())
            .bind(switched.iter().map(|e| target(e).0).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(WRITE)
        .bind(entries().map(|e| target(e).0).collect::<Vec<_>>())
        .bind(entries().map(|e| i16::from(e.slot)).collect::<Vec<_>>())
        .bind(entries().map(|e| int(e.attempt)).collect::<Vec<_>>())
        .bind(entries().map(|e| e.claim.0).collect::<Vec<_>>())
        .bind(&batch.gateway)
        .bind(held.now.0)
        .bind(
            slots
                .tats
                .iter()
                .map(|(n, _)| n.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(slots.tats.iter().map(|(_, tat)| tat.0).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
