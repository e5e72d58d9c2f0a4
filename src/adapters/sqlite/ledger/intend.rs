//! Tries, written before their first byte, with the slots of the rate.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::SqliteConnection;

use super::super::error::Work;
use super::super::rows::{execute_all, json, narrow};
use super::super::write::Verdict;
use super::addresses::admit;
use crate::domain::ids::Position;
use crate::domain::time::Timestamp;
use crate::ports::store::{
    Addressees, BucketRow, Buckets, Granted, IntentBatch, IntentEntry, Intents, Refused,
};

/// What stands in the way of each entry, in the order of the entries.
const LOOK: &str = "SELECT
        d.id IS NOT NULL AND d.state = 6 AND d.claim = e.value ->> 2,
        d.slot = e.value ->> 3 AND d.attempts = e.value ->> 4
            AND (e.value ->> 0 = e.value ->> 1 OR (d.attempts = 0 AND d.fixed = 0
                AND NOT EXISTS (SELECT 1 FROM delivery o WHERE o.id = e.value ->> 1))),
        EXISTS (SELECT 1 FROM try t WHERE t.delivery = e.value ->> 1 AND t.slot = e.value ->> 3
            AND t.freed = 0),
        EXISTS (SELECT 1 FROM try t WHERE t.delivery = e.value ->> 1 AND t.slot = e.value ->> 3
            AND t.freed = 0 AND t.no = e.value ->> 4 AND t.claim = e.value ->> 2
            AND t.outcome IS NULL),
        j.cancelled_at IS NOT NULL,
        (e.value ->> 0) & 14 <> 0 AND EXISTS (SELECT 1 FROM opened o
            WHERE o.job = e.value ->> 5 AND o.position = e.value ->> 6),
        a.stopped_at IS NOT NULL OR f.stopped_at IS NOT NULL,
        c.position
    FROM json_each(?1) e
    JOIN fleet f
    LEFT JOIN delivery d ON d.id = e.value ->> 0
    LEFT JOIN job j ON j.no = e.value ->> 5
    LEFT JOIN agency a ON a.no = d.agency
    LEFT JOIN cover c ON c.job = e.value ->> 5 AND c.key = unhex(e.value ->> 7)
    ORDER BY e.key";

const BUCKETS: &str = "SELECT name, tat, paused_until FROM bucket
    WHERE name IN (SELECT value FROM json_each(?1))";

const MOVE_BUCKETS: &str = "INSERT INTO bucket (name, tat)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE TRUE
    ON CONFLICT (name) DO UPDATE SET tat = excluded.tat";

const WRITE_TRIES: &str = "INSERT INTO try (delivery, slot, no, claim, gateway, intent_at)
    SELECT value ->> 1, value ->> 3, value ->> 4, value ->> 2, value ->> 8, value ->> 9
    FROM json_each(?1)";

const COUNT_TRIES: &str = "UPDATE delivery SET id = e.value ->> 1, attempts = attempts + 1,
        chosen = 1, changed_at = e.value ->> 9
    FROM json_each(?1) e WHERE delivery.id = e.value ->> 0";

const COVER: &str = "INSERT INTO cover (job, key, position)
    SELECT value ->> 5, unhex(value ->> 7), value ->> 6
    FROM json_each(?1) WHERE value ->> 7 IS NOT NULL
    ON CONFLICT DO NOTHING";

/// The columns of [`LOOK`]; `None` where there is no row to compare with.
type Look = (
    Option<bool>,
    Option<bool>,
    bool,
    bool,
    bool,
    Option<bool>,
    bool,
    Option<i64>,
);

/// An entry as the statements take it: 0 row id, 1 id on the channel, 2 claim, 3 slot, 4 number,
/// 5 job, 6 position, 7 cover key in hex, 8 gateway, 9 now.
type Row<'a> = (
    i64,
    i64,
    i64,
    u8,
    u32,
    i64,
    Position,
    Option<String>,
    &'a str,
    i64,
);

fn row<'a>(entry: &IntentEntry, gateway: &'a str, now: Timestamp) -> Row<'a> {
    let delivery = entry.delivery;
    (
        delivery.0,
        delivery.on(entry.channel).0,
        entry.claim.0,
        entry.slot,
        entry.attempt,
        delivery.job().0,
        delivery.position(),
        cover_key(entry).map(hex::encode),
        gateway,
        now.0,
    )
}

/// The digest with the occasion: a text may come again on another occasion.
fn cover_key(entry: &IntentEntry) -> Option<[u8; 17]> {
    entry.cover.map(|digest| {
        let mut key = [entry.delivery.occasion(); 17];
        key[..16].copy_from_slice(&digest);
        key
    })
}

/// What the ledger says of an entry before any slot is taken.
fn refusal(entry: &IntentEntry, look: &Look) -> Work<Option<Refused>> {
    let (held, as_read, live_try, is_this, cancelled, opened, stopped, covered) = *look;
    let covered: Option<Position> = covered
        .map(|position| narrow("cover", entry.delivery.job().0, position))
        .transpose()?;
    let held = held == Some(true);
    let as_asked = if entry.again {
        is_this
    } else {
        as_read == Some(true)
    };
    let refused = if held && live_try && !entry.again {
        Some(Refused::LiveTry)
    } else if !held || !as_asked {
        Some(Refused::Fenced)
    } else if cancelled {
        Some(Refused::Cancelled)
    } else if opened == Some(true) {
        Some(Refused::Opened)
    } else if stopped {
        Some(Refused::Stopped)
    } else {
        covered
            .filter(|position| *position != entry.delivery.position())
            .map(Refused::Covered)
    };
    Ok(refused)
}

/// The entries that want slots, in order, and those that an earlier one of the same batch covers
/// if that one gets its slot.
struct Sorted {
    refused: Vec<(usize, Refused)>,
    willing: Vec<usize>,
    covered: Vec<(usize, usize)>,
}

fn sort_out(entries: &[IntentEntry], looks: &[Look]) -> Work<Sorted> {
    let mut sorted = Sorted {
        refused: Vec::new(),
        willing: Vec::new(),
        covered: Vec::new(),
    };
    let mut covering: HashMap<(i64, [u8; 17]), usize> = HashMap::new();
    let mut taken = std::collections::HashSet::new();
    for (index, (entry, look)) in entries.iter().zip(looks).enumerate() {
        if let Some(refused) = refusal(entry, look)? {
            sorted.refused.push((index, refused));
            continue;
        }
        if !taken.insert(entry.delivery) {
            sorted.refused.push((index, Refused::Fenced));
            continue;
        }
        let key = cover_key(entry).map(|key| (entry.delivery.job().0, key));
        let first = key.map(|key| *covering.entry(key).or_insert(index));
        match first {
            Some(first) if entries[first].delivery.position() != entry.delivery.position() => {
                sorted.covered.push((index, first));
            }
            Some(_) | None => sorted.willing.push(index),
        }
    }
    Ok(sorted)
}

pub(super) async fn intend(
    connection: &mut SqliteConnection,
    batch: IntentBatch,
    now: Timestamp,
) -> Work<Verdict<Intents>> {
    let rows: Vec<Row<'_>> = batch
        .entries
        .iter()
        .map(|entry| row(entry, &batch.gateway, now))
        .collect();
    let looks: Vec<Look> = sqlx::query_as(LOOK)
        .bind(json(&rows))
        .fetch_all(&mut *connection)
        .await?;
    let Sorted {
        mut refused,
        mut willing,
        covered,
    } = sort_out(&batch.entries, &looks)?;
    let buckets = Buckets::of(&batch);
    let held = rows_of(connection, &buckets).await?;
    let addressees = Addressees::first_of_each(&batch, &mut willing);
    let from = now.plus(batch.lead);
    let slots = buckets.take(&held, from, &willing);
    let asks = Addressees::asks(&batch, &slots);
    let over = admit(connection, batch.address_limits, now, &asks).await?;
    let slots = buckets.take_again(&held, from, slots, &over);
    let also = addressees.also(&batch, &over);
    for (index, until) in over.into_iter().chain(also) {
        refused.push((index, Refused::OverLimit { until }));
    }
    let granted: Vec<Granted> = slots
        .starts
        .iter()
        .map(|(index, start)| Granted {
            index: *index,
            starts_in: start.since(now),
        })
        .collect();
    for (index, first) in covered {
        if granted.iter().any(|granted| granted.index == first) {
            let position = batch.entries[first].delivery.position();
            refused.push((index, Refused::Covered(position)));
        }
    }
    refused.sort_unstable_by_key(|(index, _)| *index);
    let intents = Intents {
        granted,
        refused,
        next_in: slots.next_in,
        agencies: slots.agencies,
        read_ago: Duration::ZERO,
    };
    if intents.granted.is_empty() {
        return Ok(Verdict::NothingToDo(intents));
    }
    let new = |granted: &&Granted| !batch.entries[granted.index].again;
    let written: Vec<&Row<'_>> = (intents.granted.iter().filter(new))
        .map(|g| &rows[g.index])
        .collect();
    execute_all(connection, WRITE_TRIES, &written).await?;
    execute_all(connection, COUNT_TRIES, &written).await?;
    if written.iter().any(|row| row.7.is_some()) {
        execute_all(connection, COVER, &written).await?;
    }
    let tats: Vec<_> = slots.tats.iter().map(|(name, tat)| (name, tat.0)).collect();
    execute_all(connection, MOVE_BUCKETS, &tats).await?;
    Ok(Verdict::Commit(intents))
}

async fn rows_of(
    connection: &mut SqliteConnection,
    buckets: &Buckets<'_>,
) -> Work<HashMap<String, BucketRow>> {
    let rows: Vec<(String, i64, Option<i64>)> = sqlx::query_as(BUCKETS)
        .bind(json(&buckets.names()))
        .fetch_all(connection)
        .await?;
    let rows = rows.into_iter().map(|(name, tat, paused_until)| {
        let row = BucketRow {
            tat: Timestamp(tat),
            paused_until: paused_until.map(Timestamp),
        };
        (name, row)
    });
    Ok(rows.collect())
}
